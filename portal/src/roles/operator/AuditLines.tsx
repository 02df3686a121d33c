/** Lines of the audit trail, each with its proof once it is anchored. */
import type { ReactNode } from "react";

import type { AnswerOf } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { Rows } from "../../components/Rows";
import { ShortId } from "../../components/ShortId";
import { Empty } from "../../components/Standing";
import { ProofBadge } from "../../proof";
import { useKnows, useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useStaff } from "../../components/staff";
import { deed } from "./wanted";

type Line = AnswerOf<"/v1/organisations/{organisation}/audit">["entries"][number];
type Entry = Line["entry"];

const ANONYMOUS = "anonymous";

export function AuditLines({ of, organisation }: { of: readonly Line[]; organisation: string }): ReactNode {
  const say = useText("portal_operator");
  const staff = useStaff(organisation);
  if (of.length === 0) return <Empty>{say("audit/none")}</Empty>;
  const names = new Map((staff.data ?? []).map((each) => [each.practitioner, each.name]));
  return (
    <Rows
      caption={say("audit/caption", { count: of.length })}
      columns={["when", "who", "what", "answer", "more"].map((each) => say(`audit/columns/${each}`))}
      of={of.map((line) => ({
        key: line.entry.entry,
        cells: [
          <Moment key="when" at={line.entry.time} />,
          <Actor key="who" id={line.entry.actor} name={names.get(line.entry.actor)} />,
          <Deed key="what" of={line.entry} />,
          <Outcome key="answer" of={line.entry} />,
          <More key="more" of={line} />,
        ],
      }))}
    />
  );
}

function Actor({ id, name }: { id: string; name: string | undefined }): ReactNode {
  const say = useText("portal_operator");
  if (id === ANONYMOUS) return say("audit/anonymous");
  return name === undefined ? <SubjectName id={id} /> : <bdi>{name}</bdi>;
}

function Deed({ of }: { of: Entry }): ReactNode {
  const say = useText("portal_operator");
  const knows = useKnows("portal_operator");
  const { method, about } = deed(of.operation);
  const known = knows(`audit/methods/${method}`);
  return (
    <>
      {known ? say(`audit/methods/${method}`) : method} <code translate="no">{about}</code>
    </>
  );
}

const MARKS = { permit: "✓", deny: "✗", error: "!" } as const;

function Outcome({ of }: { of: Entry }): ReactNode {
  const say = useText("portal_operator");
  return (
    <>
      <span aria-hidden="true">{MARKS[of.outcome]}</span> {say(`audit/outcomes/${of.outcome}`)}
      {of.refusal == null ? null : (
        <>
          {" "}
          <code translate="no">{of.refusal}</code>
        </>
      )}
    </>
  );
}

function More({ of: { entry, proof } }: { of: Line }): ReactNode {
  const say = useText("portal_operator");
  const list = (ids: readonly string[] | undefined): ReactNode =>
    ids === undefined || ids.length === 0
      ? undefined
      : ids.map((each) => (
          <span key={each}>
            <ShortId id={each} />{" "}
          </span>
        ));
  return (
    <details>
      <summary>{say("audit/details")}</summary>
      <Facts
        of={[
          [say("audit/number"), entry.number],
          [say("audit/actor"), <ShortId key="actor" id={entry.actor} />],
          [say("audit/purpose"), entry.purpose],
          [say("audit/subjects"), list(entry.subjects)],
          [say("audit/records"), list(entry.records)],
          [say("audit/grants"), list(entry.grants)],
          [say("audit/operation"), <code key="operation">{entry.operation}</code>],
          [say("audit/status"), entry.status],
        ]}
      />
      {proof === null ? (
        <p>{say("audit/not_anchored")}</p>
      ) : (
        <>
          <p>{say("audit/anchored")}</p>
          <ProofBadge
            when="opened"
            subject={{
              kind: "transaction",
              hash: proof.anchored.transaction,
              shown: { height: proof.anchored.height },
            }}
          />
        </>
      )}
    </details>
  );
}
