/** Warnings, recalls and unreviewed emergency accesses, as tables. */
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Moment } from "../../components/Moment";
import { Rows } from "../../components/Rows";
import { usePath } from "../../language";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { ProductName } from "./ProductName";
import { useStateBadge } from "./proved";
import type { AlertLine, EmergencyLine, RecallLine } from "./reading";

export function Alerts({ of }: { of: readonly AlertLine[] }): ReactNode {
  const say = useText("portal_regulator");
  const values = useText("portal_values");
  if (of.length === 0) return <p>{say("now/no_alerts")}</p>;
  return (
    <Rows
      caption={say("alerts/caption")}
      columns={["product", "what", "by", "when", "proof"].map((each) => say(`alerts/${each}`))}
      of={of.map((each) => ({
        key: each.id,
        cells: [
          <ProductName key="product" gtin={each.gtin} />,
          values(`words/${each.kind}`),
          <SubjectName key="by" id={each.organisation} />,
          <Moment key="when" at={each.time} />,
          <Proved key="proof" of={{ kind: "alert", id: each.id }} />,
        ],
      }))}
    />
  );
}

export function Recalls({ of }: { of: readonly RecallLine[] }): ReactNode {
  const say = useText("portal_regulator");
  const values = useText("portal_values");
  const path = usePath();
  if (of.length === 0) return <p>{say("now/no_recalls")}</p>;
  return (
    <Rows
      caption={say("recalls/caption")}
      columns={["product", "grade", "reason", "by", "when", "see"].map((each) => say(`recalls/${each}`))}
      of={of.map((each) => ({
        key: each.id,
        cells: [
          <ProductName key="product" gtin={each.gtin} />,
          say(`recalls/grades/${each.grade}`),
          values(`words/${each.reason}`),
          <SubjectName key="by" id={each.issuer} />,
          <Moment key="when" at={each.time} />,
          <Link key="see" to={path(`oversight/recalls/${each.id}`)}>
            {say("recalls/progress")}
          </Link>,
        ],
      }))}
    />
  );
}

export function Emergencies({ of }: { of: readonly EmergencyLine[] }): ReactNode {
  const say = useText("portal_regulator");
  if (of.length === 0) return <p>{say("now/no_emergencies")}</p>;
  return (
    <Rows
      caption={say("emergencies/caption")}
      columns={["where", "when", "until", "proof"].map((each) => say(`emergencies/${each}`))}
      of={of.map((each) => ({
        key: each.id,
        cells: [
          <SubjectName key="where" id={each.organisation} />,
          <Moment key="when" at={each.time} />,
          <Moment key="until" at={each.ends} />,
          <Proved key="proof" of={{ kind: "emergency", id: each.id }} />,
        ],
      }))}
    />
  );
}

export function Proved({ of }: { of: { kind: "alert" | "emergency"; id: string } }): ReactNode {
  const subject = useStateBadge(of.kind, of.id);
  return subject === undefined ? null : <ProofBadge subject={subject} when="opened" />;
}
