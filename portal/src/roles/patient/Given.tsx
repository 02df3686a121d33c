/** A permission that is recorded. */
import type { ReactNode } from "react";
import { Link } from "react-router";

import { ProofBadge } from "../../proof";
import { useMine, usePatientText } from "./acting";
import { Done } from "./Done";
import { GrantReceipt } from "./GrantReceipt";

export interface Outcome {
  readonly grant: string;
  readonly transaction: string;
  readonly height: number;
  readonly delivered: boolean;
}

export function Given({ of, organisation }: { of: Outcome; organisation: string }): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  const { grant, transaction, height } = of;
  return (
    <>
      <Done title={say("share/done")}>
        <p>{say(of.delivered ? "share/delivered" : "share/not_delivered", { organisation })}</p>
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
        <GrantReceipt grant={grant} of={organisation} />
      </Done>
      <p>
        <Link to={mine("overview")}>{say("share/to_overview")}</Link>
      </p>
    </>
  );
}
