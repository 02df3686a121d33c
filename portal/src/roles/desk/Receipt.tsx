/** What was recorded, to be printed and handed over: in words, with the proof that it is recorded. */
import { Button } from "@mantine/core";
import type { ReactNode } from "react";

import { type Fact, Facts } from "../../components/Facts";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { Done } from "../patient/Done";

interface Props {
  readonly title: string;
  readonly facts: readonly Fact[];
  /** None where an answer was lost and what stands is told again. */
  readonly transaction: string | null;
  readonly height: number;
}

export function Receipt({ title, facts, transaction, height }: Props): ReactNode {
  const say = useText("portal_desk");
  return (
    <section aria-label={say("receipt/title")}>
      <Done title={title} />
      <Facts of={facts} />
      {transaction === null ? null : (
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
      )}
      <Button variant="outline" size="lg" onClick={() => { window.print(); }}>
        {say("receipt/print")}
      </Button>
    </section>
  );
}
