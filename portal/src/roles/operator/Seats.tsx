/** Who may sign blocks, and who signed the newest one. */
import type { ReactNode } from "react";

import { Rows } from "../../components/Rows";
import { ShortId } from "../../components/ShortId";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import type { Seat } from "./health";

export function Seats({ of, height }: { of: readonly Seat[]; height: number }): ReactNode {
  const say = useText("portal_operator");
  const language = useLanguage();
  if (of.length === 0) return null;
  const whole = of.reduce((sum, each) => sum + each.power, 0);
  const share = new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 1 });
  return (
    <Rows
      caption={say("seats/caption", { height })}
      columns={[say("seats/who"), say("seats/share"), say("seats/signed")]}
      of={of.map((each) => ({
        key: each.address,
        cells: [
          <Owner key="owner" of={each} />,
          share.format(whole === 0 ? 0 : each.power / whole),
          <Signed key="signed" yes={each.signed} />,
        ],
      }))}
    />
  );
}

function Owner({ of }: { of: Seat }): ReactNode {
  const say = useText("portal_operator");
  if (of.organisation !== undefined) return <SubjectName id={of.organisation} />;
  return (
    <>
      {say("seats/nobody")} <ShortId id={of.address} />
    </>
  );
}

export function Signed({ yes }: { yes: boolean }): ReactNode {
  const say = useText("portal_operator");
  return (
    <>
      <span aria-hidden="true">{yes ? "✓" : "✗"}</span> {say(yes ? "seats/yes" : "seats/no")}
    </>
  );
}
