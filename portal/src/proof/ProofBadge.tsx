/** Says whether what the page shows is proved, checked in this browser; opened, it shows the proof. */
import { type ReactNode, Suspense, useContext, useId, useState } from "react";
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { useText } from "../text";
import type { Checked } from "./check";
import { ProofDetails } from "./ProofDetails";
import "./proof.css";
import { NotVerified } from "./refusal";
import { ProofSource } from "./source";
import { subjectName, type Subject } from "./subject";

interface Props {
  readonly subject: Subject;
  /** Check at once, or only when it is opened: for lists. */
  readonly when?: "shown" | "opened";
  /** For patients: no word of blocks until it is opened. */
  readonly plain?: boolean;
}

type State = "verified" | "false" | "unavailable" | "checking" | "unchecked";
const TONES = { verified: "green", false: "red", unavailable: "grey", checking: "grey", unchecked: "grey" };
const MARKS = { verified: "✓", false: "✗", unavailable: "○", checking: "○", unchecked: "○" };

export function ProofBadge(props: Props): ReactNode {
  return (
    <Suspense fallback={null}>
      <Badge {...props} />
    </Suspense>
  );
}

function Badge({ subject, when = "shown", plain = false }: Props): ReactNode {
  const [open, setOpen] = useState(false);
  const [logProofs, setLogProofs] = useState<readonly Uint8Array[]>([]);
  const found = useChecked(subject, logProofs, open || when === "shown");
  const say = useText("portal_proof");
  const id = useId();
  const state = stateOf(found);
  return (
    <div className="proof">
      <button
        type="button"
        className="proof-badge"
        data-tone={TONES[state]}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          setOpen(!open);
        }}
      >
        <span aria-hidden="true">{MARKS[state]}</span>
        <span>{title(say, state, subject, found.data, plain)}</span>
      </button>
      <div id={id} hidden={!open}>
        {open ? (
          <ProofDetails
            subject={subject}
            found={found}
            witness={(data) => {
              setLogProofs([...logProofs, data]);
            }}
          />
        ) : null}
      </div>
    </div>
  );
}

function useChecked(
  subject: Subject,
  logProofs: readonly Uint8Array[],
  enabled: boolean,
): UseQueryResult<Checked> {
  const source = useContext(ProofSource);
  return useQuery({
    queryKey: ["proof", ...subjectName(subject), logProofs.length, source?.name ?? ""],
    queryFn: async () =>
      (await import("./check")).check(subject, logProofs, source?.load, source?.store),
    enabled,
    retry: false,
    // A proof does not grow stale; what it vouches for is part of its name.
    staleTime: Infinity,
  });
}

function stateOf(found: UseQueryResult<Checked>): State {
  if (found.data !== undefined && found.error === null) return "verified";
  if (found.error instanceof NotVerified) return "false";
  if (found.error !== null) return "unavailable";
  return found.isFetching ? "checking" : "unchecked";
}

function title(
  say: ReturnType<typeof useText>,
  state: State,
  subject: Subject,
  checked: Checked | undefined,
  plain: boolean,
): string {
  if (state !== "verified" || checked === undefined) return say(`badge/${state}`);
  const absent = subject.kind === "state" && subject.value === null;
  const height = checked.verified.height;
  if (absent) return say(plain ? "badge/absent" : "badge/absent_at", { height });
  if (plain) return say("badge/recorded");
  return say(subject.kind === "transaction" ? "badge/recorded_in" : "badge/recorded_at", { height });
}
