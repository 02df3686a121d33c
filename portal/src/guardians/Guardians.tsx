/** People who help one to a new key: who they are to be, and what waits that one did not ask for. */
import { Alert, Button, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { remove } from "../api";
import { Moment } from "../components/Moment";
import { PageTitle } from "../components/Page";
import { ProblemNotice } from "../components/ProblemNotice";
import { Query } from "../components/Query";
import { Loading } from "../components/Standing";
import { usePath } from "../language";
import { OwnSigning } from "../roles/patient/OwnSigning";
import { useCustody, useFresh, useMe } from "../roles/patient/reading";
import { useText } from "../text";
import { NameGuardians } from "./NameGuardians";
import { type NewKeyState, useNewKey } from "./reading";

export default function Guardians(): ReactNode {
  const say = useText("portal_guardians");
  const path = usePath();
  const custody = useCustody();
  const found = useNewKey();
  useFresh();
  return (
    <>
      <PageTitle tab={say("guardians/title")}>{say("guardians/title")}</PageTitle>
      <p>{say("guardians/about")}</p>
      {custody === undefined ? (
        <Loading />
      ) : custody ? (
        <p>
          {say("guardians/own_key")} <Link to={path("my/device")}>{say("guardians/to_device")}</Link>
        </p>
      ) : (
        <Query of={found}>
          {(state) => (
            <>
              <Objections of={state} />
              <Text component="p" fw={600} role="status">
                {state.guardians === 0
                  ? say("guardians/none")
                  : say("guardians/standing", { guardians: state.guardians, count: state.threshold })}
              </Text>
              {/* While a recovery waits, the law names nobody anew. */}
              {state.running === null ? <NameGuardians again={state.guardians > 0} /> : null}
            </>
          )}
        </Query>
      )}
    </>
  );
}

/** What was begun in the reader's name, and the way to end it. */
function Objections({ of }: { of: NewKeyState }): ReactNode {
  if (of.running !== null) return <Running of={of.running} />;
  return of.request === null ? null : <Waiting />;
}

function Running({ of }: { of: NonNullable<NewKeyState["running"]> }): ReactNode {
  const say = useText("portal_guardians");
  const [stopping, stop] = useState(false);
  return (
    <Alert color="red" variant="outline" role="alert">
      <Text component="p" fw={700}>{say("objecting/running")}</Text>
      <p>{say("objecting/due")} <Moment at={of.due} /></p>
      <p>{say("objecting/not_you")}</p>
      {stopping ? (
        <OwnSigning
          messages={[{ type: "identity.CancelRecovery", recovery: of.recovery }]}
          onDecline={() => { stop(false); }}
        />
      ) : (
        <Button size="md" variant="outline" onClick={() => { stop(true); }}>{say("objecting/stop")}</Button>
      )}
    </Alert>
  );
}

function Waiting(): ReactNode {
  const say = useText("portal_guardians");
  const me = useMe();
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () =>
      remove("/v1/organisations/{organisation}/persons/{person}/new-key", { path: { ...me } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["patient", me.person] }),
  });
  return (
    <Alert color="yellow" variant="outline" role="alert">
      <Text component="p" fw={700} c="var(--amber-ink)">{say("objecting/waiting")}</Text>
      <p>{say("objecting/not_you")}</p>
      <div aria-live="polite">{end.isError ? <ProblemNotice error={end.error} /> : null}</div>
      <Button size="md" variant="outline" loading={end.isPending} onClick={() => { end.mutate(); }}>
        {say("objecting/take_back")}
      </Button>
    </Alert>
  );
}
