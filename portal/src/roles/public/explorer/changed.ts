/** What a transaction changed in the records that its events name: each before and after. */
import { get } from "../../../api";
import type { EventLike } from "../../../events/EventSentence";
import prefixes from "../../../events/records.json";
import { ProblemError } from "../../../problem";

const PREFIXES = prefixes as Readonly<Record<string, string>>;

/** At most so many records are compared: a transaction may hold hundreds of messages. */
export const MOST = 20;

export type Value = Readonly<Record<string, unknown>> | null;

export interface Side {
  readonly value: Value;
  readonly proof: unknown;
}

export interface Pair {
  readonly key: string;
  readonly before: Side;
  readonly after: Side;
}

/** `kept` is false where the node's proofs do not reach back so far. */
export interface Changes {
  readonly kept: boolean;
  readonly pairs: readonly Pair[];
  readonly more: number;
}

/** The state keys that events name, each once, in their order. Persons' own records are not among them. */
export function keysOf(events: readonly EventLike[]): string[] {
  const found = events.flatMap((event) =>
    Object.entries(event).flatMap(([field, value]) => {
      const prefix = PREFIXES[field];
      return prefix === undefined || typeof value !== "string" ? [] : [prefix + value];
    }),
  );
  return [...new Set(found)];
}

export interface Row {
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The fields of a record that differ, in the order of their names. */
export function rows(before: Value, after: Value): Row[] {
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})]);
  return [...names]
    .sort()
    .map((field) => ({ field, before: before?.[field], after: after?.[field] }))
    .filter((row) => JSON.stringify(row.before) !== JSON.stringify(row.after));
}

async function side(key: string, height: number, signal: AbortSignal): Promise<Side> {
  const proof = await get("/v1/state", { query: { key, height }, signal });
  const text = proof["value"];
  return { proof, value: typeof text === "string" ? (JSON.parse(text) as Value) : null };
}

export async function changes(
  events: readonly EventLike[],
  height: number,
  signal: AbortSignal,
): Promise<Changes> {
  const keys = keysOf(events);
  try {
    const pairs = await Promise.all(
      keys.slice(0, MOST).map(async (key) => ({
        key,
        before: height > 1 ? await side(key, height - 1, signal) : { value: null, proof: null },
        after: await side(key, height, signal),
      })),
    );
    const differing = pairs.filter((each) => rows(each.before.value, each.after.value).length > 0);
    return { kept: true, pairs: differing, more: Math.max(0, keys.length - MOST) };
  } catch (error) {
    if (error instanceof ProblemError && error.problem.code === "height_not_kept") {
      return { kept: false, pairs: [], more: 0 };
    }
    throw error;
  }
}
