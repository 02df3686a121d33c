/** A permission that is recorded. */
import type { ReactNode } from "react";
import { Link } from "react-router";

import { usePath } from "../../language";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { Done } from "./Done";
import { GrantReceipt } from "./GrantReceipt";

export interface Outcome {
  readonly grant: string;
  readonly transaction: string;
  readonly height: number;
  readonly delivered: boolean;
}

export function Given({ of, organisation }: { of: Outcome; organisation: string }): ReactNode {
  const say = useText("portal_patient");
  const path = usePath();
  const { grant, transaction, height } = of;
  return (
    <>
      <Done title={say("share/done")}>
        <p>{say(of.delivered ? "share/delivered" : "share/not_delivered", { organisation })}</p>
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
        <GrantReceipt grant={grant} of={organisation} />
      </Done>
      <p>
        <Link to={path("my/overview")}>{say("share/to_overview")}</Link>
      </p>
    </>
  );
}
