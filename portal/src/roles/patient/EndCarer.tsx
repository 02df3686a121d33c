/** Ending a carer: one look, then at once. */
import { Button, Group, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { put } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import type { Carer } from "./naming";
import { Done } from "./Done";
import { OwnSigning } from "./OwnSigning";
import { useCustody, useMe } from "./reading";

interface Props {
  readonly of: Carer;
  readonly name: string;
  readonly onDone: () => void;
}

export function EndCarer(props: Props): ReactNode {
  const say = useText("portal_patient");
  const custody = useCustody();
  const { name } = props;
  return (
    <div role="group" aria-label={say("carers/end_of", { name })}>
      <Text component="p" fw={600}>{say("carers/sure", { name })}</Text>
      <p>{say("carers/cannot", { name })}</p>
      {custody === undefined ? <Loading /> : custody ? <InCustody {...props} /> : <ByOwnKey {...props} />}
    </div>
  );
}

function InCustody({ of, name, onDone }: Props): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const over = useOver(onDone);
  const end = useMutation({
    mutationFn: () =>
      put("/v1/organisations/{organisation}/persons/{person}/carers/{custodian}", {
        path: { ...me, custodian: of.custodian }, body: { on: false },
      }),
  });
  if (end.data !== undefined) {
    const { transaction, height } = end.data;
    return (
      <Done title={say("carers/ended", { name })}>
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
        <Button variant="outline" onClick={over}>{say("go_on")}</Button>
      </Done>
    );
  }
  return (
    <>
      <p>{say("house_signs")}</p>
      <div aria-live="polite">{end.isError ? <ProblemNotice error={end.error} /> : null}</div>
      <Group grow preventGrowOverflow={false}>
        <Button size="md" variant="outline" disabled={end.isPending} onClick={onDone}>
          {say("carers/keep")}
        </Button>
        <Button size="md" variant="outline" loading={end.isPending} onClick={() => { end.mutate(); }}>
          {say("carers/end_now")}
        </Button>
      </Group>
    </>
  );
}

function ByOwnKey({ of, name, onDone }: Props): ReactNode {
  const say = useText("portal_patient");
  const over = useOver(onDone);
  const [recorded, setRecorded] = useState(false);
  return (
    <>
      <OwnSigning
        messages={[{ type: "consent.SwitchCustodian", custodian: of.custodian, on: false }]}
        names={new Map([[of.custodian, name]])}
        onAnswer={({ state }) => { setRecorded(state === "recorded"); }}
        onDecline={onDone}
      />
      {recorded ? <Button mt="sm" variant="outline" onClick={over}>{say("go_on")}</Button> : null}
    </>
  );
}

function useOver(onDone: () => void): () => void {
  const me = useMe();
  const queries = useQueryClient();
  return () => {
    void queries.invalidateQueries({ queryKey: ["patient", me.person] }).then(onDone);
  };
}
