/** What naming a carer allows, as it is signed; Allow or Refuse; and what became of it. */
import { Button, Group, Paper, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { useLanguage } from "../../language";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { usePowers } from "../carer/powers";
import type { Power } from "./acting";
import { endOf, type Lasts } from "./naming";
import { Done } from "./Done";
import { OwnSigning } from "./OwnSigning";
import { useCustody, useMe } from "./reading";
import { day } from "./words";

interface Props {
  readonly custodian: string;
  readonly name: string;
  readonly powers: Power[];
  readonly lasts: Lasts;
  readonly onBack: () => void;
  readonly onDone: () => void;
}

interface Recorded {
  readonly transaction: string;
  readonly height: number;
}

export function NameCarerReview({ custodian, name, powers, lasts, onBack, onDone }: Props): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const queries = useQueryClient();
  const custody = useCustody();
  const [recorded, setRecorded] = useState<Recorded>();
  const [ends] = useState(() => endOf(lasts, Date.now()));
  const told = (found: Recorded): void => {
    setRecorded(found);
    void queries.invalidateQueries({ queryKey: ["patient", me.person] });
  };
  if (recorded !== undefined) {
    const { transaction, height } = recorded;
    return (
      <Done title={say("carers/named", { name })}>
        <p>{say("carers/named_next", { name })}</p>
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
        <Button variant="outline" onClick={onDone}>{say("go_on")}</Button>
      </Done>
    );
  }
  const asked = { custodian, name, powers, ends, onBack, onNamed: told };
  return (
    <>
      <Title order={3}>{say("share/review")}</Title>
      <p>{say("carers/never", { name })}</p>
      {custody === undefined ? <Loading /> : custody ? <InCustody {...asked} /> : <ByOwnKey {...asked} />}
    </>
  );
}

interface AskedProps {
  readonly custodian: string;
  readonly name: string;
  readonly powers: Power[];
  readonly ends: number;
  readonly onBack: () => void;
  readonly onNamed: (recorded: Recorded) => void;
}

function InCustody({ custodian, name, powers, ends, onBack, onNamed }: AskedProps): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const language = useLanguage();
  const words = usePowers();
  const allow = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons/{person}/carers", {
        path: { ...me }, body: { custodian, powers, ends },
      }),
    onSuccess: onNamed,
  });
  return (
    <Paper component="section" withBorder p="md">
      <Text component="p" fw={600} size="lg">
        {say("carers/sentence", { name, powers: words(powers), ends: day(ends, language) })}
      </Text>
      <p>{say("house_signs")}</p>
      <div aria-live="polite">{allow.isError ? <ProblemNotice error={allow.error} /> : null}</div>
      <Group grow preventGrowOverflow={false}>
        <Button size="lg" variant="outline" disabled={allow.isPending} onClick={onBack}>
          {say("share/refuse")}
        </Button>
        <Button size="lg" variant="outline" loading={allow.isPending} onClick={() => { allow.mutate(); }}>
          {say("share/allow")}
        </Button>
      </Group>
    </Paper>
  );
}

function ByOwnKey({ custodian, name, powers, ends, onBack, onNamed }: AskedProps): ReactNode {
  return (
    <OwnSigning
      messages={[{ type: "consent.NameCustodian", custodian, ends, powers }]}
      names={new Map([[custodian, name]])}
      onAnswer={({ state, hash, height = 0 }) => {
        if (state === "recorded" && hash !== undefined) onNamed({ transaction: hash, height });
      }}
      onDecline={onBack}
    />
  );
}
