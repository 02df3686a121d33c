/** One happening of the timeline; opened, it is shown in full with its sources and proof. */
import { Button } from "@mantine/core";
import { type ReactNode, useMemo, useState } from "react";

import { ProofBadge } from "../../proof";
import { reading, RecordView, resourceOf, useRecordWords, Value } from "../../records";
import { usePatientText } from "./acting";
import { NoteForm } from "./NoteForm";
import type { Entry } from "./reading";
import { useNames } from "./words";

export function EntryLine({ of }: { of: Entry }): ReactNode {
  const say = usePatientText();
  const { type, moment } = useRecordWords();
  const [open, setOpen] = useState(false);
  const resource = useMemo(() => resourceOf(of.content ?? ""), [of.content]);
  const found = resource === undefined ? undefined : reading(resource);
  const note = resource === undefined;
  const title = of.display ?? (found?.title === "" ? undefined : found?.title);
  const written = of.time?.text ?? found?.when ?? "";
  const when = written === "" ? say("records/no_time") : moment(written);
  return (
    <li>
      <details onToggle={(event) => { setOpen(event.currentTarget.open); }}>
        <summary className="entry">
          <strong>{title ?? (note ? say("records/note") : type(of.type))}</strong>
          {found === undefined || found.value === "" ? null : <> <Value of={found} /></>}
          <span className="beside">
            {note ? null : `${type(of.type)} · `}
            {when}
          </span>
        </summary>
        {open ? <Opened of={of} about={`${title ?? type(of.type)} (${when})`} /> : null}
      </details>
    </li>
  );
}

function Opened({ of, about }: { of: Entry; about: string }): ReactNode {
  const say = usePatientText();
  const names = useNames(of.sources.map((each) => each.organisation));
  const [noting, setNoting] = useState(false);
  return (
    <>
      <RecordView content={of.content ?? ""} />
      {of.conflicts.length === 0 ? null : <p>{say("records/conflict")}</p>}
      <ul>
        {of.sources.map((each, place) => (
          <li key={each.record}>
            {say("records/source", { organisation: names.get(each.organisation) ?? say("looked/unknown_house") })}
            {each.replaced === null ? null : ` ${say("records/replaced")}`}
            {each.redacted.length === 0 ? null : ` ${say("records/redacted")}`}
            {place === 0 && each.proof !== null && each.redacted.length === 0 ? (
              <ProofBadge
                plain
                subject={{
                  kind: "record",
                  organisation: each.organisation,
                  record: each.record,
                  content: new TextEncoder().encode(of.content ?? ""),
                  proof: each.proof,
                }}
              />
            ) : null}
          </li>
        ))}
      </ul>
      {noting ? (
        <NoteForm
          label={say("note/label")}
          about={say("note/about")}
          heading={say("note/heading", { about })}
          onDecline={() => { setNoting(false); }}
        />
      ) : (
        <Button variant="outline" size="md" onClick={() => { setNoting(true); }}>{say("note/begin")}</Button>
      )}
    </>
  );
}
