/** One happening of a timeline: a line to find it by, and opened, all of it with its source. */
import { Button, Text, Title } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { Loading } from "../../components/Standing";
import { ProofBadge } from "../../proof";
import { RecordView, useRecordWords } from "../../records";
import { utf8 } from "../../sign/bytes";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useOwn } from "../../who";
import type { Entry } from "./Record";

const Correct = lazy(async () => ({ default: (await import("./Correct")).Correct }));

export function Happening({ of }: { of: Entry }): ReactNode {
  const say = useText("portal_doctor");
  const words = useRecordWords();
  const [open, setOpen] = useState(false);
  const corrected = of.sources.every((each) => each.replaced !== null);
  const what = of.display ?? words.type(of.type);
  return (
    <details
      open={open}
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary>
        {of.time === null ? null : <>{words.moment(of.time.text)} · </>}
        <strong>{what}</strong>
        {of.value === null ? null : <> · {of.value}</>}
        {of.display === null ? null : (
          <Text component="span" c="dimmed">
            {" "}
            {words.type(of.type)}
          </Text>
        )}
        {corrected ? <em> · {say("record/corrected")}</em> : null}
      </summary>
      {open ? <Whole of={of} /> : null}
    </details>
  );
}

function Whole({ of }: { of: Entry }): ReactNode {
  const say = useText("portal_doctor");
  const { organisation } = useOwn();
  const [correcting, setCorrecting] = useState(false);
  const [first] = of.sources;
  const own = first?.organisation === organisation && first.session === null;
  const newest = first?.replaced === null;
  return (
    <div className="whole">
      {of.conflicts.length > 0 ? (
        <Text component="p" fw={700}>
          {say("record/conflict")}
        </Text>
      ) : null}
      {of.content === null ? <p>{say("record/unreadable")}</p> : <RecordView content={of.content} />}
      <Title order={2} size="h4">{say("record/sources")}</Title>
      <ul>
        {of.sources.map((each) => (
          <li key={each.record}>
            <SubjectName id={each.organisation} />
            {each.replaced === null ? null : <> · {say("record/corrected")}</>}
            {each.redacted.length === 0 ? null : <> · {say("record/redacted")}</>}
          </li>
        ))}
      </ul>
      {first === undefined || of.content === null || first.redacted.length > 0 ? null : (
        <ProofBadge
          plain
          subject={{
            kind: "record",
            organisation: first.organisation,
            record: first.record,
            content: utf8(of.content),
            ...(first.proof === null ? {} : { proof: first.proof }),
          }}
        />
      )}
      {!own || of.content === null || !newest ? null : correcting ? (
        <Suspense fallback={<Loading />}>
          <Correct
            record={first.record}
            content={of.content}
            done={() => {
              setCorrecting(false);
            }}
          />
        </Suspense>
      ) : (
        <Button
          variant="outline"
          mt="sm"
          size="md"
          onClick={() => {
            setCorrecting(true);
          }}
        >
          {say("correct/begin")}
        </Button>
      )}
    </div>
  );
}
