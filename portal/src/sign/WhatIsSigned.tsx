/**
 * What is about to be signed, in words made from its bytes; then "Sign and send", and what became
 * of it. Nothing is called done before it is recorded.
 */

import { Alert, Button, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { lazy, Suspense, useEffect, useId, useState, type ReactNode } from "react";

import { Facts } from "../components/Facts";
import { ProblemNotice } from "../components/ProblemNotice";
import { ProblemError } from "../problem";
import { useText } from "../text";
import type { Bytes } from "./bytes";
import { fromUtf8 } from "./bytes";
import { DetailTable, Statement } from "./Statement";
import type { Opened } from "./opened";
import { useFollowed } from "./follow";
import { waits, type Entry } from "./outbox";
import type { Reading, Signing } from "./use-signing";

const ProofBadge = lazy(async () => ({ default: (await import("../proof")).ProofBadge }));

interface Props {
  /** The body's canonical bytes (`makeBody`). */
  readonly bytes: Bytes;
  /** Opened terms of grants, by the message's place in the body. */
  readonly opened?: Record<number, Opened>;
  /** Names that the reader knows ids by. */
  readonly names?: ReadonlyMap<string, string>;
  /** Told once it is recorded or refused. */
  readonly onAnswer?: (entry: Entry) => void;
  /** Told when the reader does not sign; without it there is no such button. */
  readonly onDecline?: () => void;
}

const NOTHING_OPENED = {};

export function WhatIsSigned({ bytes, opened, names, onAnswer, onDecline }: Props): ReactNode {
  const say = useText("portal_sign");
  const signing = useFollowed(bytes, opened ?? NOTHING_OPENED, names);
  const { entry, reading, error } = signing;
  const heading = useId();
  const answered = entry?.state === "recorded" || entry?.state === "refused";
  useEffect(() => {
    if (answered) onAnswer?.(entry);
  }, [answered, entry, onAnswer]);
  return (
    <Paper component="section" withBorder p="md" aria-labelledby={heading}>
      <Stack gap="sm">
        <Title order={2} size="h3" id={heading}>{say("heading")}</Title>
        {reading !== undefined && <Shown reading={reading} signing={signing} />}
        {error === undefined ? null : <ProblemNotice error={error} />}
        {reading === undefined && error === undefined && <p role="status">{say("preparing")}</p>}
        <Standing entry={entry} busy={signing.busy} />
        {reading !== undefined && <Choice signing={signing} {...(onDecline && { onDecline })} />}
      </Stack>
    </Paper>
  );
}

function Shown({ reading, signing }: { reading: Reading; signing: Signing }): ReactNode {
  const say = useText("portal_sign");
  const [open, setOpen] = useState(false);
  const details = useId();
  const { said } = reading;
  return (
    <>
      <ol className="statements">
        {said.sentences.map((each, at) => (
          <li key={`${said.body.nonce}.${at}`}>
            <Statement sentence={each} opened={reading.opened[at]} />
          </li>
        ))}
      </ol>
      <Text component="p" size="sm" c="dimmed">{say("from_the_bytes")}</Text>
      <Facts
        of={[[say("by"), reading.sender], [say("for"), reading.ward], [say("until"), reading.until]]}
      />
      <div>
        <Button
          variant="subtle"
          aria-expanded={open}
          aria-controls={details}
          onClick={() => { setOpen(!open); }}
        >
          {say(open ? "hide_details" : "show_details")}
        </Button>
      </div>
      <div id={details} hidden={!open}>
        {said.sentences.map((each, at) => (
          <DetailTable
            key={`${said.body.nonce}.${at}`}
            caption={say("details_of", { number: at + 1 })}
            details={[...(reading.opened[at]?.details ?? []), ...each.details]}
          />
        ))}
        <DetailTable caption={say("details_frame")} details={said.frame} />
        <Text component="p" fw={600}>{say("exact_text")}</Text>
        <pre style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
          {fromUtf8(signing.bytes)}
        </pre>
      </div>
    </>
  );
}

const TONE = {
  drafted: "gray", signed: "yellow", trying: "yellow", sent: "blue", recorded: "green", refused: "red",
} as const;

function Standing({ entry, busy }: { entry: Entry | undefined; busy: boolean }): ReactNode {
  const say = useText("portal_sign");
  if (entry === undefined) return null;
  const state = entry.state === "signed" && entry.tried === true ? "trying" : entry.state;
  const words = busy && entry.height === undefined
    ? say("signing")
    : say(`state/${state}`, { height: entry.height ?? 0, ms: entry.took ?? 0 });
  const { problem } = entry;
  return (
    <>
      <Alert color={TONE[state]} variant="outline" role="status">{words}</Alert>
      {problem !== undefined && (entry.state === "refused" || waits(entry)) && !busy && (
        <ProblemNotice error={new ProblemError(problem)} />
      )}
      {entry.state === "recorded" && entry.hash !== undefined && (
        <Suspense fallback={null}>
          <ProofBadge
            plain
            subject={{ kind: "transaction", hash: entry.hash, shown: { height: entry.height ?? 0 } }}
          />
        </Suspense>
      )}
    </>
  );
}

/** Both answers alike in size and weight; neither is chosen beforehand. */
function Choice({ signing, onDecline }: { signing: Signing; onDecline?: () => void }): ReactNode {
  const say = useText("portal_sign");
  const { entry, busy, lapsed, approve, decline, renew } = signing;
  if (lapsed) return <Group><Button size="md" onClick={renew}>{say("again")}</Button></Group>;
  if (entry === undefined || entry.state === "recorded" || entry.state === "refused") return null;
  const drafted = entry.state === "drafted";
  return (
    <Group grow preventGrowOverflow={false}>
      {onDecline !== undefined && drafted && (
        <Button
          size="md"
          variant="outline"
          disabled={busy}
          onClick={() => { void decline().then(onDecline); }}
        >
          {say("decline")}
        </Button>
      )}
      <Button size="md" variant="outline" disabled={busy} onClick={approve}>
        {say(drafted ? "sign" : "send_again")}
      </Button>
    </Group>
  );
}
