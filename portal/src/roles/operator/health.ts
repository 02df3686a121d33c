/** Judges what a node tells of itself: is something wrong, and how bad is it? */
import type { Tone } from "../../theme";

/** What may be wrong, the gravest first. */
export const TROUBLES = ["engine_stopped", "index_fault", "index_behind", "stuck", "silent"] as const;
export type Trouble = (typeof TROUBLES)[number];

const GRAVE: readonly Trouble[] = ["engine_stopped", "index_fault"];
/** Something waits, and no block came for this long (ms). */
export const STUCK_MS = 60_000;

export interface Told {
  /** Why the node is not ready, by its own account; none where it is. */
  readonly reasons: readonly string[];
  /** How many requests wait for a block. */
  readonly pending: number;
  /** When the newest block was made, and what time it is, in ms by the node's clock. */
  readonly newest: number;
  readonly now: number;
  /** How many of those who may sign did not sign the newest block. */
  readonly silent: number;
}

/** Lists what is wrong; a reason that this build does not know counts as the engine's. */
export function troubles(told: Told): Trouble[] {
  const found = new Set<Trouble>();
  for (const each of told.reasons) {
    found.add(TROUBLES.find((known) => known === each) ?? "engine_stopped");
  }
  if (told.pending > 0 && told.now - told.newest > STUCK_MS) found.add("stuck");
  if (told.silent > 0) found.add("silent");
  return TROUBLES.filter((each) => found.has(each));
}

/** Gives the colour of the whole: never shown without a mark and a word. */
export function tone(found: readonly Trouble[]): Tone {
  if (found.length === 0) return "green";
  return found.some((each) => GRAVE.includes(each)) ? "red" : "amber";
}

/** One who may sign blocks, and whether the newest one has their signature. */
export interface Seat {
  readonly address: string;
  /** None where genesis gave the seat to nobody. */
  readonly organisation: string | undefined;
  readonly power: number;
  readonly signed: boolean;
}

interface Validator {
  readonly address: string;
  readonly pub_key: { readonly value: string };
  readonly voting_power: string;
}

/** A block's commit and validators as the node gives them (CometBFT's RPC form). */
export interface Light {
  readonly commit: { readonly signatures: readonly { readonly block_id_flag: number }[] };
  readonly validators: readonly Validator[];
}

interface Active {
  readonly public: string;
  readonly organisation?: string | null;
}

/** CometBFT's BLOCK_ID_FLAG_COMMIT: a vote for this very block. */
const FOR_THE_BLOCK = 2;

/** Puts names to signatures: a commit has one place for each validator, in their order. */
export function seats(light: Light, active: readonly Active[]): Seat[] {
  const owners = new Map(active.map((each) => [each.public, each.organisation ?? undefined]));
  return light.validators.map((each, at) => ({
    address: each.address,
    organisation: owners.get(base64url(each.pub_key.value)),
    power: Number(each.voting_power),
    signed: light.commit.signatures[at]?.block_id_flag === FOR_THE_BLOCK,
  }));
}

function base64url(text: string): string {
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

export interface Gap {
  readonly height: number;
  readonly time: number;
  /** Milliseconds since the block before. */
  readonly gap: number;
}

/** Gives the time between blocks that are listed newest first; the oldest has none before it. */
export function gaps(blocks: readonly { height: number; time: number }[]): Gap[] {
  return blocks.slice(0, -1).flatMap((each, at) => {
    const before = blocks[at + 1];
    return before === undefined
      ? []
      : [{ height: each.height, time: each.time, gap: Math.max(0, each.time - before.time) }];
  });
}

/** The middle of some numbers; undefined of none. */
export function median(numbers: readonly number[]): number | undefined {
  const sorted = [...numbers].sort((one, two) => one - two);
  const low = sorted[Math.floor((sorted.length - 1) / 2)];
  const high = sorted[Math.floor(sorted.length / 2)];
  return low === undefined || high === undefined ? undefined : (low + high) / 2;
}
