/** Reads what the operator's pages have in common. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { ProblemError } from "../../problem";
import { session } from "../../session";
import { entries } from "../../sign";
import { type Light, seats, type Seat } from "./health";

const BLOCKS = 21;
const NOT_READY = "not_ready";
const ALL = 100;
const PAGES = 10;

export interface NodeReading {
  readonly status: AnswerOf<"/v1/status">;
  readonly reasons: readonly string[];
  readonly seats: readonly Seat[];
  readonly blocks: AnswerOf<"/v1/blocks">["blocks"];
  /** What was signed on this device: how long each took until it was recorded, in ms. */
  readonly took: readonly number[];
  /** When it was read, by the node's clock (ms). */
  readonly now: number;
}

/** Why the node is not ready; an empty list where it is. */
async function reasons(signal: AbortSignal): Promise<readonly string[]> {
  try {
    await get("/readyz", { signal });
    return [];
  } catch (error) {
    if (!(error instanceof ProblemError) || error.problem.code !== NOT_READY) throw error;
    const { reasons: told } = error.problem as { reasons?: unknown };
    return Array.isArray(told) && told.length > 0 ? told.map(String) : [NOT_READY];
  }
}

/** Who may sign, and who signed the newest block that is sealed; nobody before the first one. */
export async function newestSeats(height: number, signal: AbortSignal): Promise<Seat[]> {
  if (height < 1) return [];
  const path = { height: "latest" };
  const [light, active] = await Promise.all([
    get("/v1/blocks/{height}/light", { path, signal }),
    get("/v1/governance/validators", { signal }),
  ]);
  return seats(light as unknown as Light, active.items);
}

async function node(signal: AbortSignal): Promise<NodeReading> {
  const [status, why, { blocks }, outbox] = await Promise.all([
    get("/v1/status", { signal }),
    reasons(signal),
    get("/v1/blocks", { query: { limit: BLOCKS }, signal }),
    entries().catch(() => []),
  ]);
  return {
    status,
    reasons: why,
    seats: await newestSeats(status.height, signal),
    blocks,
    took: outbox.map((each) => each.took).filter((each) => each !== undefined),
    now: Date.now() + (session()?.ahead ?? 0),
  };
}

export const NODE = ["operator", "node"];

export function useNode(): UseQueryResult<NodeReading> {
  return useQuery({ queryKey: NODE, queryFn: ({ signal }) => node(signal), refetchInterval: 10_000 });
}

/** Goes on from page to page; there are never so many that all of them could not be shown. */
export async function everyPage<T>(
  page: (cursor: string | undefined) => Promise<{ items: readonly T[]; next?: string | null }>,
): Promise<T[]> {
  const found: T[] = [];
  let cursor: string | undefined;
  for (let at = 0; at < PAGES; at += 1) {
    const answer = await page(cursor);
    found.push(...answer.items);
    if (answer.next == null) break;
    cursor = answer.next;
  }
  return found;
}

export type MemberLine = AnswerOf<"/v1/governance/members">["items"][number];

/** The members of today, the oldest first. */
export async function members(signal: AbortSignal): Promise<MemberLine[]> {
  const found = await everyPage((cursor) => {
    const query = { limit: ALL, ...(cursor === undefined ? {} : { cursor }) };
    return get("/v1/governance/members", { query, signal });
  });
  return found.filter((each) => each.ended === null).reverse();
}
