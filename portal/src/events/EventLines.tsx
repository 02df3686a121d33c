/** Events below one another: the sentence first, then when and where it stands. */
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Moment } from "../components/Moment";
import { Empty } from "../components/Standing";
import { usePath } from "../language";
import { useText } from "../text";
import { type EventLike, EventSentence } from "./EventSentence";

export interface Line {
  readonly id: string;
  readonly height: number;
  readonly time: number;
  readonly transaction: string | null;
  readonly event: unknown;
}

export function EventLines({ of }: { of: readonly Line[] }): ReactNode {
  const say = useText("portal_values");
  const path = usePath();
  if (of.length === 0) {
    return <Empty />;
  }
  return (
    <ul className="lines">
      {of.map((line) => (
        <li key={line.id}>
          <EventSentence event={line.event as EventLike} />
          <span className="beside">
            <Moment at={line.time} />
            {" · "}
            <Link to={path(`explorer/blocks/${line.height}`)}>
              {say("block", { height: line.height })}
            </Link>
            {line.transaction === null ? null : (
              <>
                {" · "}
                <Link to={path(`explorer/transactions/${line.transaction}`)}>{say("details")}</Link>
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}
