/** A look at what would be recorded, then recording it; and what became of it. */
import { Alert, Button, Group, Paper, Text, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { ProblemNotice } from "../../../components/ProblemNotice";
import { ProblemError } from "../../../problem";
import { ProofBadge } from "../../../proof";
import { RecordView } from "../../../records";
import { newId } from "../../../sign";
import { useText } from "../../../text";
import type { Outcome } from "../../../waiting";
import { useOwn } from "../../../who";
import { Done } from "../../patient/Done";
import { TIMELINE } from "../Record";
import type { Filled } from "../Write";
import { drafts, type Recorded, sendDraft } from "./drafts";
import type { About } from "./resources";

interface Props {
  readonly of: Filled;
  readonly about: About;
  readonly name: string;
  readonly change: () => void;
  readonly again: () => void;
}

export function Review({ of, about, name, change, again }: Props): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { organisation } = useOwn();
  // One id for one look at it: pressed twice, it is written once.
  const [record] = useState(newId);
  const put = useMutation({
    networkMode: "always",
    mutationFn: () =>
      drafts.carryOut({ ...about, ...of, organisation, name, record, at: Date.now() }, sendDraft),
    onSuccess: () => queries.invalidateQueries({ queryKey: [TIMELINE, organisation] }),
  });
  if (put.data !== undefined && put.data.state !== "refused") {
    return <Became of={put.data} said={of.said} again={again} />;
  }
  const refused = put.data === undefined ? put.error : new ProblemError(put.data.problem);
  return (
    <Paper component="section" withBorder p="md" aria-label={say("write/review")}>
      <Title order={2}>{say("write/review")}</Title>
      <Text component="p" fw={700} size="lg">{say("write/for", { name })}</Text>
      <Text component="p" size="lg">{of.said}</Text>
      <RecordView content={of.content} />
      <p>{say("write/stays")}</p>
      <div aria-live="polite">{refused === null ? null : <ProblemNotice error={refused} />}</div>
      <Group grow preventGrowOverflow={false} mt="md">
        <Button size="lg" variant="outline" disabled={put.isPending} onClick={change}>
          {say("write/change")}
        </Button>
        <Button size="lg" variant="outline" loading={put.isPending} onClick={() => { put.mutate(); }}>
          {say("write/record")}
        </Button>
      </Group>
    </Paper>
  );
}

interface BecameProps {
  readonly of: Exclude<Outcome<Recorded>, { state: "refused" }>;
  readonly said: string;
  readonly again: () => void;
}

function Became({ of, said, again }: BecameProps): ReactNode {
  const say = useText("portal_doctor");
  return (
    <>
      {of.state === "waiting" ? (
        <Alert color="yellow" variant="outline" role="status">
          <Text component="p" fw={700}>{say("write/waits")}</Text>
          <p>{said}</p>
        </Alert>
      ) : (
        <>
          <Done title={say("write/done")}>
            <p>{said}</p>
          </Done>
          <ProofBadge
            plain
            subject={{ kind: "transaction", hash: of.done.transaction, shown: { height: of.done.height } }}
          />
        </>
      )}
      <Button size="lg" variant="outline" onClick={again}>
        {say("write/more")}
      </Button>
    </>
  );
}
