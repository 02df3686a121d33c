/** What was recorded of a pack or case, the newest first, each line with its proof. */
import type { ReactNode } from "react";

import { Moment } from "../../components/Moment";
import { useText } from "../../text";
import { Word } from "../regulator/Way";
import type { Life } from "./calls";
import { Listed } from "./Listed";
import { ProvedEventWhenAsked } from "./Proved";

const SHOWN = 20;

export function History({ of }: { of: Life["history"] }): ReactNode {
  const say = useText("portal_supply");
  const newest = of.slice(-SHOWN).reverse();
  return (
    <details className="trade-box">
      <summary>{say("history/title")}</summary>
      {of.length > SHOWN ? <p>{say("history/more", { shown: SHOWN })}</p> : null}
      <Listed
        caption={say("history/caption")}
        page="history"
        columns={["time", "act", "standing", "proof"]}
        rows={newest.map((each) => [
          <Moment key="time" at={each.at} />,
          <Word key="act" of="acts" word={each.act} />,
          say(`standings/${each.standing}`),
          <ProvedEventWhenAsked key="proof" event={each.event} at={each.at} />,
        ])}
      />
    </details>
  );
}
