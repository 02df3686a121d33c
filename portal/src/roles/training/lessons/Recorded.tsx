/** What was just done, as the made-up chain has it: a true receipt, checked in this browser. */
import type { ReactNode } from "react";

import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { type Act, recorded } from "../practice/papers";

export function Recorded({ act }: { act: Act }): ReactNode {
  const say = useText("portal_training");
  const { transaction, height } = recorded(act);
  return (
    <section>
      <p>{say("practice/recorded")}</p>
      <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
    </section>
  );
}
