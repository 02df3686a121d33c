/** Fetch the papers of a subject and verify them here. Loaded only when something is checked. */
import { request } from "../api";
import { equal, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { canonical, isObject, load as parse } from "./json";
import type { Json } from "./json";
import { pinStore } from "./pin-store";
import { batchOf, verifyRecord } from "./record";
import { must } from "./refusal";
import type { Subject } from "./subject";
import { advance, judgeBy, pinned } from "./trust";
import type { Load, Pin, PinStore } from "./trust";
import { verifyWith } from "./verify";
import type { Verified } from "./verify";

/** What was found out: what holds, against what, and the paper to take away. */
export interface Checked {
  readonly verified: Verified;
  readonly pin: Pin;
  readonly paper: Bytes;
  /** For a record: when the chain took its batch in, ms since 1970. */
  readonly anchored: number | null;
}

export const STORE: PinStore = pinStore();

export const fromNode: Load = async (path) =>
  new Uint8Array(await (await request("GET", path)).arrayBuffer());

/**
 * Check a subject. Throws `NotVerified` where it does not hold (`shown_differs`: the page shows
 * something else than what is proved), and what `load` throws where there is no answer.
 */
export async function check(
  subject: Subject,
  logProofs: readonly Bytes[] = [],
  load: Load = fromNode,
  store: PinStore = STORE,
): Promise<Checked> {
  const pin = await pinned(store, load);
  const { paper, proof } = await papersOf(subject, load);
  let anchored: number | null = null;
  const start = performance.now();
  const verified = judgeBy(pin, (trust): Verified => {
    if (subject.kind !== "record") return verifyWith(paper, trust, logProofs);
    const found = verifyRecord(subject.content, proof, paper, subject.organisation, trust);
    must(found.record === subject.record, "proof_of_another", "it speaks of another record");
    anchored = found.anchored;
    return found;
  });
  hold(subject, verified);
  performance.measure("yilian proof", { start });
  return { verified, pin: await advance(store, pin, verified), paper, anchored };
}

interface Papers {
  readonly paper: Bytes;
  /** A record's own proof; empty for what needs none. */
  readonly proof: Bytes;
}

const NOTHING = new Uint8Array();

async function papersOf(subject: Subject, load: Load): Promise<Papers> {
  if (subject.kind === "transaction") {
    const at = `/v1/transactions/${encodeURIComponent(subject.hash)}/receipt`;
    return { paper: await load(at), proof: NOTHING };
  }
  if (subject.kind === "state") {
    const given = subject.proof;
    const paper = given === undefined ? await stateOf(subject.key, load) : canonical(given as Json);
    return { paper, proof: NOTHING };
  }
  const proof = canonical((subject.proof as Json | undefined) ?? (await proofOf(subject, load)));
  return { paper: await stateOf(`records/batch/${batchOf(proof)}`, load), proof };
}

const stateOf = (key: string, load: Load): Promise<Bytes> =>
  load(`/v1/state?key=${encodeURIComponent(key)}`);

/** The record's proof with its salt, out of the list of its versions. */
async function proofOf(
  { organisation, record }: Extract<Subject, { kind: "record" }>,
  load: Load,
): Promise<Json> {
  const at = `/v1/organisations/${encodeURIComponent(organisation)}/records/`;
  const answer = parse(await load(`${at}${encodeURIComponent(record)}/versions`));
  const versions = Array.isArray(answer["versions"]) ? answer["versions"] : [];
  const found = versions.filter(isObject).find((each) => each["record"] === record);
  return found?.["proof"] ?? null;
}

/** What was proved must be what was asked about, and what the page shows. */
function hold(subject: Subject, { found }: Verified): void {
  if (subject.kind === "state") {
    const own = found.kind === "state" && found.key === subject.key;
    must(own, "proof_of_another", "the proof speaks of another key");
    const value = found.value === null ? null : parse(utf8(found.value));
    same(value, subject.value as Json);
  } else if (subject.kind === "transaction") {
    const own = found.kind === "transaction" && found.hash === subject.hash;
    must(own, "proof_of_another", "the receipt is of another transaction");
    const { height, code, events } = subject.shown ?? {};
    if (height !== undefined) same(Number(found.height), height);
    if (code !== undefined) same(found.code, code);
    if (events !== undefined) same([...found.events], events as Json[]);
  }
}

function same(proved: Json, shown: Json): void {
  const equals = equal(canonical(proved), canonical(shown));
  must(equals, "shown_differs", "the page shows something else");
}
