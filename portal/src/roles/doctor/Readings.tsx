/** What was opened elsewhere: each record readable, and how many stayed closed. */
import type { ReactNode } from "react";

import { Empty } from "../../components/Standing";
import { reading, RecordView, resourceOf, useRecordWords } from "../../records";
import { useText } from "../../text";

interface Read {
  readonly record: string;
  readonly encoding: string;
  readonly content: string;
}

interface Props {
  readonly records: readonly Read[];
  readonly refused: readonly unknown[];
}

export function Readings({ records, refused }: Props): ReactNode {
  const say = useText("portal_doctor");
  return (
    <>
      <p role="status">{say("read/count", { count: records.length })}</p>
      {records.length === 0 ? <Empty>{say("read/nothing")}</Empty> : null}
      <ul className="lines">
        {records.map((each) => (
          <li key={each.record}>
            <One of={each} />
          </li>
        ))}
      </ul>
      {refused.length === 0 ? null : <p>{say("read/closed", { count: refused.length })}</p>}
    </>
  );
}

function One({ of }: { of: Read }): ReactNode {
  const say = useText("portal_doctor");
  const words = useRecordWords();
  if (of.encoding !== "utf-8") {
    return <p>{say("record/unreadable")}</p>;
  }
  const resource = resourceOf(of.content);
  const said = resource === undefined ? undefined : reading(resource);
  return (
    <details>
      <summary>
        {said === undefined || said.when === "" ? null : <>{words.moment(said.when)} · </>}
        <strong>{said === undefined ? say("read/unknown") : said.title || words.type(said.type)}</strong>
        {said === undefined || said.value === "" ? null : <> · {said.value} {said.unit}</>}
      </summary>
      <RecordView content={of.content} />
    </details>
  );
}
