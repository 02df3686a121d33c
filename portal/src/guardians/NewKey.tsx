/** Somebody who lost the device that signs: ask the guardians, wait, and sign with this one. */
import { Alert, Button, Checkbox, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { Moment } from "../components/Moment";
import { PageTitle } from "../components/Page";
import { ProblemNotice } from "../components/ProblemNotice";
import { Query } from "../components/Query";
import { Loading } from "../components/Standing";
import { usePath } from "../language";
import { Done } from "../roles/patient/Done";
import { useCustody, useFresh, useMe } from "../roles/patient/reading";
import { inWords } from "../sign/use-signing";
import { useText } from "../text";
import { KeyCode } from "./KeyCode";
import { askForKey, here, waitingKey } from "./new-key";
import { EVERY, type NewKeyState, useNewKey } from "./reading";

export default function NewKey(): ReactNode {
  const say = useText("portal_guardians");
  const path = usePath();
  const me = useMe();
  const custody = useCustody();
  const found = useNewKey();
  // Read again with the rest of the person: an event tells when the chain has changed.
  const place = useQuery({
    queryKey: ["patient", me.person, "key-here"],
    queryFn: () => here(me.person),
    refetchInterval: ({ state }) => (state.data === "waits" ? EVERY : false),
  });
  useFresh();
  return (
    <>
      <PageTitle tab={say("new_key/title")}>{say("new_key/title")}</PageTitle>
      {custody === undefined ? (
        <Loading />
      ) : custody ? (
        <p>
          {say("new_key/custody")} <Link to={path("my/device")}>{say("guardians/to_device")}</Link>
        </p>
      ) : (
        <Query of={place}>
          {(state) =>
            state === "signs" ? (
              <Done title={say("new_key/signs")}>
                <p>{say("new_key/signs_next")}</p>
              </Done>
            ) : (
              <Query of={found}>{(told) => <Lost of={told} />}</Query>
            )
          }
        </Query>
      )}
    </>
  );
}

function Lost({ of }: { of: NewKeyState }): ReactNode {
  const say = useText("portal_guardians");
  const me = useMe();
  const mine = useQuery({
    queryKey: ["patient", me.person, "key-waiting"],
    queryFn: async () => (await waitingKey(me.person)) ?? null,
  });
  const isMine = (key: { public: string }): boolean => mine.data?.key.public === key.public;
  if (mine.data === undefined) return <Loading />;
  if (of.running !== null) {
    return isMine(of.running.key) ? <Running of={of.running} /> : <p>{say("new_key/other_runs")}</p>;
  }
  if (of.request !== null && isMine(of.request.key)) return <Waiting of={of.request} />;
  return of.guardians === 0 ? <p>{say("new_key/no_guardians")}</p> : <Asking of={of} />;
}

function Asking({ of }: { of: NewKeyState }): ReactNode {
  const say = useText("portal_guardians");
  const own = useText("portal_sign");
  const me = useMe();
  const queries = useQueryClient();
  const [sure, setSure] = useState(false);
  const ask = useMutation({
    mutationFn: () => askForKey(me),
    onSettled: () => queries.invalidateQueries({ queryKey: ["patient", me.person] }),
  });
  return (
    <>
      <p>{say("new_key/about")}</p>
      <ol>
        <li>{say("new_key/steps/ask")}</li>
        <li>{say("new_key/steps/approve", { guardians: of.guardians, count: of.threshold })}</li>
        <li>{say("new_key/steps/wait")}</li>
        <li>{say("new_key/steps/sign")}</li>
      </ol>
      {of.request === null ? null : <p>{say("new_key/replaces")}</p>}
      <Checkbox
        size="md"
        checked={sure}
        label={say("new_key/sure")}
        onChange={(event) => { setSure(event.currentTarget.checked); }}
      />
      <div aria-live="polite">
        {ask.isError ? <ProblemNotice error={inWords(ask.error, own)} /> : null}
      </div>
      <Button size="lg" mt="md" disabled={!sure} loading={ask.isPending} onClick={() => { ask.mutate(); }}>
        {say("new_key/ask")}
      </Button>
    </>
  );
}

function Waiting({ of }: { of: NonNullable<NewKeyState["request"]> }): ReactNode {
  const say = useText("portal_guardians");
  return (
    <Alert color="yellow" variant="outline" role="status">
      <Text component="p" fw={700} c="var(--amber-ink)">{say("new_key/waiting")}</Text>
      <p>{say("new_key/call")}</p>
      <KeyCode of={of.key} />
      <p>{say("new_key/so_far", { approved: of.approved, threshold: of.threshold })}</p>
    </Alert>
  );
}

function Running({ of }: { of: NonNullable<NewKeyState["running"]> }): ReactNode {
  const say = useText("portal_guardians");
  return (
    <Alert color="brand" variant="outline" role="status">
      <Text component="p" fw={700}>{say("new_key/running")}</Text>
      <p>{say("new_key/due")} <Moment at={of.due} /></p>
      <p>{say("new_key/meanwhile")}</p>
    </Alert>
  );
}
