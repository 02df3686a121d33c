/** An event in words: the sentence that CLI and portal share, with ids that lead further. */
import { Fragment, type ReactNode } from "react";
import { Link } from "react-router";

import { Moment } from "../components/Moment";
import { ShortId } from "../components/ShortId";
import { usePath } from "../language";
import { useKnows, useTemplate, useText } from "../text";
import { pieces, type Value } from "./pieces";

export interface EventLike {
  readonly type: string;
  readonly [field: string]: unknown;
}

export function EventSentence({ event }: { event: EventLike }): ReactNode {
  const capability = event.type.split(".")[0] ?? "";
  const knows = useKnows(capability);
  const template = useTemplate(capability);
  if (!knows(event.type)) {
    return <code>{event.type}</code>;
  }
  return (
    <span>
      {pieces(template(event.type), event).map((piece, at) => (
        <Fragment key={at}>
          {typeof piece === "string" ? piece : <Shown of={piece} />}
        </Fragment>
      ))}
    </span>
  );
}

function Shown({ of }: { of: Value }): ReactNode {
  const say = useText("portal_values");
  const knows = useKnows("portal_values");
  const path = usePath();
  const { value, kind } = of;
  if (value === null || value === undefined) {
    return say("none");
  }
  if (kind === "moment") {
    return <Moment at={Number(value)} />;
  }
  const text = typeof value === "string" ? value : JSON.stringify(value);
  if (kind === "yes") {
    return say(value === true ? "yes" : "no");
  }
  if (kind === "word") {
    return knows(`words/${text}`) ? say(`words/${text}`) : text;
  }
  if (kind === "id") {
    return (
      <Link to={path(`explorer?find=${text}`)}>
        <ShortId id={text} />
      </Link>
    );
  }
  return text;
}
