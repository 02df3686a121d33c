/**
 * What waits to be signed, sent or answered on this device. It survives a reload, and is sent once.
 *
 *     drafted -> signed -> sent -> recorded | refused
 *
 * The signed bytes are on the disk before the first try, and every try sends the same ones: the
 * node gives the same bytes the same answer, so a lost answer costs a question and never a second
 * effect. What is recorded or refused keeps no signature and no opened terms.
 */

import { request } from "../api";
import { ProblemError, type Problem } from "../problem";
import { assemble, readBody, signedBytes, transactionHash } from "./body";
import type { Bytes } from "./bytes";
import { signWith, type DeviceKey } from "./keys";
import type { Opened } from "./opened";
import { refuse } from "./refusal";
import { all, get, put, remove } from "./store";

export type State = "drafted" | "signed" | "sent" | "recorded" | "refused";

export interface Entry {
  /** The body's nonce: one entry for one request. */
  id: string;
  state: State;
  body: Bytes;
  /** Until when (ms) a block may hold it. */
  expires: number;
  made: number;
  /** Opened terms by the message's place in the body; gone once it is answered. */
  opened?: Record<number, Opened>;
  raw?: Bytes;
  hash?: string;
  /** When "sign and send" was tapped, in ms. */
  tapped?: number;
  /** Whether a try was begun: from then on it may be at the node. */
  tried?: boolean;
  height?: number;
  /** Milliseconds from the tap until it was known to be recorded. */
  took?: number;
  /** Why it was refused; or, while it waits, what came in the way of the last try. */
  problem?: Problem;
}

const WAIT = "wait=20";
const WAIT_MS = 25_000;
const LAW = 9000;
const KEPT_MS = 7 * 86_400_000;
const listeners = new Set<() => void>();

/** Be told of every change; gives the function that ends it. */
export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => { listeners.delete(listener); };
}

/** List all entries, the newest first. */
export async function entries(): Promise<Entry[]> {
  return (await all<Entry>("outbox")).sort((one, two) => two.made - one.made);
}

/** Give one entry; null where it is not, or no longer, here. */
export async function entry(id: string): Promise<Entry | null> {
  return (await get<Entry>("outbox", id)) ?? null;
}

/** Keep a draft; where the same request is here already, gives that with its state. */
export async function draft(body: Bytes, opened?: Record<number, Opened>): Promise<Entry> {
  const { nonce, expires } = readBody(body);
  const known = await get<Entry>("outbox", nonce);
  if (known !== undefined) return known;
  const made = { id: nonce, state: "drafted" as const, body, expires, made: Date.now() };
  return keep(opened === undefined ? made : { ...made, opened });
}

/**
 * Sign a draft with keys of this device; refuses `lapsed`, and `not_a_signer` where the body asks
 * for another key. A second call finds it signed and signs nothing.
 */
export async function sign(id: string, keys: DeviceKey[], now = Date.now()): Promise<Entry> {
  return alone(id, async (entry) => {
    if (entry.state !== "drafted") return entry;
    const { signers, sender } = readBody(entry.body);
    if (entry.expires <= now) throw refuse("lapsed");
    const ordered = signers.map((name) => keys.find((each) => each.id === name));
    const signing = ordered.filter((each) => each !== undefined);
    if (signing.length < signers.length || signing[0]?.owner !== sender) throw refuse("not_a_signer");
    const data = signedBytes(entry.body);
    const signatures: Bytes[] = [];
    for (const key of signing) signatures.push(await signWith(key, data));
    const raw = assemble(entry.body, signatures);
    const hash = await transactionHash(raw);
    return keep({ ...entry, state: "signed", raw, hash, tapped: now });
  });
}

/** Send what is signed, and say what became of it. Without a connection it stays as it is. */
export async function send(id: string): Promise<Entry> {
  return alone(id, async (entry) => {
    if (entry.raw === undefined || !waits(entry)) return entry;
    const tried = await keep({ ...entry, tried: true });
    try {
      const answer = await request("POST", "/v1/transactions", {
        body: entry.raw, headers: { Prefer: WAIT }, signed: false, timeout: WAIT_MS,
      });
      if (answer.status !== 200) return await keep({ ...tried, state: "sent" });
      const { hash, height } = (await answer.json()) as { hash: string; height: number };
      if (hash !== entry.hash) return tried;
      return await keep(answered(tried, { state: "recorded", height, took: since(tried) }));
    } catch (error) {
      return later(tried, error);
    }
  });
}

/** Send all that waits, and forget what was answered long ago. Call it at the start and online. */
export async function flush(now = Date.now()): Promise<Entry[]> {
  for (const each of await entries()) {
    if (waits(each)) await send(each.id);
    // No block can hold it any more: a transaction lasts a day at most.
    if (each.made < now - KEPT_MS) await forget(each.id);
  }
  return entries();
}

/** Forget an entry; what may be at the node already is kept until it is answered. */
export async function discard(id: string): Promise<boolean> {
  const entry = await get<Entry>("outbox", id);
  if (entry?.tried === true && waits(entry)) return false;
  await forget(id);
  return true;
}

/** Tell whether an entry is signed and has no answer yet. */
export function waits(entry: Entry): boolean {
  return entry.state === "signed" || entry.state === "sent";
}

async function forget(id: string): Promise<void> {
  await remove("outbox", id);
  changed();
}

function later(tried: Entry, error: unknown): Promise<Entry> | Entry {
  if (!(error instanceof ProblemError)) return tried;
  const { problem } = error;
  const height = (problem as Problem & { height?: unknown }).height;
  if (typeof height === "number") return keep(answered(tried, { state: "refused", problem, height }));
  // The law's own codes are an answer; trouble on the way there is none, and the bytes go again.
  const judged = !error.transient && problem.status < 500 && (problem.number ?? LAW) < LAW;
  return keep(judged ? answered(tried, { state: "refused", problem }) : { ...tried, problem });
}

function answered(entry: Entry, outcome: Partial<Entry>): Entry {
  const kept = { ...entry };
  delete kept.raw;
  delete kept.opened;
  delete kept.problem;
  return { ...kept, ...outcome };
}

function since(entry: Entry): number {
  return Math.max(0, Date.now() - (entry.tapped ?? Date.now()));
}

async function keep(entry: Entry): Promise<Entry> {
  await put("outbox", entry);
  changed();
  return entry;
}

function changed(): void {
  for (const each of listeners) each();
}

/** Work on one entry while no other page of this browser does. */
async function alone(id: string, act: (entry: Entry) => Promise<Entry> | Entry): Promise<Entry> {
  const run = async (): Promise<Entry> => {
    const entry = await get<Entry>("outbox", id);
    if (entry === undefined) throw refuse("no_store");
    return act(entry);
  };
  const locks = (globalThis.navigator as { locks?: LockManager | null } | undefined)?.locks ?? null;
  return locks === null ? queued(id, run) : locks.request(`yilian-sign/${id}`, run);
}

const running = new Map<string, Promise<unknown>>();

/** Without the browser's locks: one after the other within this page. */
function queued(id: string, run: () => Promise<Entry>): Promise<Entry> {
  const next = (running.get(id) ?? Promise.resolve()).then(run, run);
  running.set(id, next.catch(() => undefined));
  return next;
}
