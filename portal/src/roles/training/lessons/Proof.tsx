/** A true proof and one of a changed page: the browser's own verifier tells them apart. */
import { Title } from "@mantine/core";
import type { ReactNode } from "react";

import { Facts } from "../../../components/Facts";
import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { Choose } from "../Choose";
import { recorded } from "../practice/papers";
import type { Exercise } from ".";

export function Proof({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const { transaction, height } = recorded("given");
  return (
    <>
      {[height, height + 1].map((shown, at) => (
        <section key={shown}>
          <Title order={2} size="h3">{say(`lessons/proof/entries/${at === 0 ? "first" : "second"}`)}</Title>
          <Facts of={[[say("lessons/proof/place"), String(shown)]]} />
          <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height: shown } }} />
        </section>
      ))}
      <Choose words="lessons/proof" options={["first", "second"]} right="second" onRight={onDone} />
    </>
  );
}
