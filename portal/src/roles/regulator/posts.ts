/** What a member's opened posts say, as lines to read. */
import type { AnswerOf } from "../../api";

export const OPENINGS = "/v1/organisations/{organisation}/supply/openings/{member}";
export type Opened = AnswerOf<typeof OPENINGS>;
export type Interval = Opened["intervals"][number];
type Movement = Interval["movements"][number];

/** How long is opened at once, in minutes. */
export const SPANS = [10, 30, 60] as const;
const MINUTE = 60_000;
const DIGITS = 16;

export interface Time {
  readonly since: number;
  readonly until: number;
}

/** Reads what was typed: a moment of the reader's own clock, or none for now; undefined if neither. */
export function timeOf(typed: string, minutes: number, now: number): Time | undefined {
  const until = typed === "" ? now : new Date(typed).getTime();
  const since = until - minutes * MINUTE;
  return Number.isFinite(until) && since >= 0 && since <= now ? { since, until } : undefined;
}

export interface Line {
  readonly key: string;
  readonly interval: number;
  readonly posted: number | null;
  /** `kept` packs that are new were made here; others only changed their note. */
  readonly what: "made" | "given" | "ended";
  readonly holder: string;
  readonly word: string;
  readonly units: readonly string[];
}

/** What moved, in order of time; packs that merely stayed with the member are no movement. */
export function movedIn(intervals: readonly Interval[]): Line[] {
  return intervals.flatMap(({ interval, posted, movements }) =>
    movements.flatMap((each, at) => {
      const what = whatOf(each);
      if (what === undefined) return [];
      const { holder = "", word = "", units } = each;
      return [{ key: `${interval}.${at}`, interval, posted, what, holder, word, units }];
    }),
  );
}

function whatOf({ kind, made }: Movement): Line["what"] | undefined {
  if (kind !== "kept") return kind;
  return made ? "made" : undefined;
}

/** The intervals that do not open exactly, which name the member. */
export function faultsIn(intervals: readonly Interval[]): readonly Interval[] {
  return intervals.filter((each) => each.fault === "missing" || each.fault === "wrong");
}

/** Under which name the chain has a post. */
export function postOf(member: string, interval: number): string {
  return `${member}.${String(interval).padStart(DIGITS, "0")}`;
}
