/** Taking a permission back: one look at what it can and cannot undo, then it is done. */
import { Button, Group, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { ProofBadge } from "../../proof";
import { usePatientText } from "./acting";
import { Done } from "./Done";
import { OwnSigning } from "./OwnSigning";
import { useHouseSigns, useMe } from "./reading";

interface Props {
  readonly grant: string;
  readonly organisation: string;
  /** The organisation's id. */
  readonly house: string;
  readonly onDecline: () => void;
}

export function Stop(props: Props): ReactNode {
  const say = usePatientText();
  const custody = useHouseSigns();
  return (
    <div role="group" aria-label={say("stop/begin_of", { organisation: props.organisation })}>
      <Text component="p" fw={600}>{say("stop/sure", { organisation: props.organisation })}</Text>
      <p>{say("stop/cannot")}</p>
      {custody === undefined ? <Loading /> : custody ? <InCustody {...props} /> : <ByOwnKey {...props} />}
    </div>
  );
}

function InCustody({ grant, organisation, onDecline }: Props): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const queries = useQueryClient();
  const stop = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/revocations", {
        path: me, body: { person: me.person, grant },
      }),
  });
  if (stop.data !== undefined) {
    const { transaction, height } = stop.data;
    return (
      <Done title={say("stop/done", { organisation })}>
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
        <Button
          variant="outline"
          onClick={() => void queries.invalidateQueries({ queryKey: ["patient", me.person] })}
        >
          {say("go_on")}
        </Button>
      </Done>
    );
  }
  return (
    <>
      <p>{say("house_signs")}</p>
      <div aria-live="polite">{stop.isError ? <ProblemNotice error={stop.error} /> : null}</div>
      <Group grow preventGrowOverflow={false}>
        <Button size="md" variant="outline" disabled={stop.isPending} onClick={onDecline}>
          {say("stop/keep")}
        </Button>
        <Button size="md" variant="outline" loading={stop.isPending} onClick={() => { stop.mutate(); }}>
          {say("stop/now")}
        </Button>
      </Group>
    </>
  );
}

function ByOwnKey({ grant, organisation, house, onDecline }: Props): ReactNode {
  return (
    <OwnSigning
      messages={[{ type: "consent.Revoke", grant }]}
      names={new Map([[house, organisation]])}
      onDecline={onDecline}
    />
  );
}
