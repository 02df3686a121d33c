/** A permission while it is put together: nothing is chosen beforehand but how long. */
import type { AnswerOf } from "../../api";
import type { components } from "../../api.types";
import type { Ask, Known } from "./reading";

export type GrantRequest = components["schemas"]["GrantRequest"];
export type Prepared = AnswerOf<"/v1/organisations/{organisation}/grants/prepare", "post">;
export type Inside = "doctors" | "anybody" | "one";
export type Lasts = "visit" | "month" | "year" | "long";

export const LASTS: readonly Lasts[] = ["visit", "month", "year", "long"];
export const INSIDE: readonly Inside[] = ["doctors", "anybody", "one"];
export const PURPOSES = ["treat", "pay", "legal", "research"] as const;
const DAYS: Readonly<Record<Lasts, number>> = { visit: 30, month: 30, year: 365, long: 3660 };
const DAY = 86_400_000;
export const NORMAL = "normal";

export interface Draft {
  readonly grantee: string;
  readonly inside: Inside | undefined;
  /** The one person there, by id. */
  readonly one: string;
  readonly categories: readonly string[];
  /** Beside `normal`. */
  readonly sensitivities: readonly string[];
  readonly purpose: string | undefined;
  readonly lasts: Lasts;
  /** Given a second look, where it is for very long. */
  readonly sure: boolean;
  readonly ask: string | undefined;
}

export const EMPTY: Draft = {
  grantee: "",
  inside: undefined,
  one: "",
  categories: [],
  sensitivities: [],
  purpose: undefined,
  lasts: "month",
  sure: false,
  ask: undefined,
};

/** What a question fixes: who asks. What is opened, the person still chooses. */
export function answering(ask: Ask): Draft {
  return { ...EMPTY, grantee: ask.organisation, inside: "one", one: ask.asker, ask: ask.ask };
}

/** Gives what is asked of the node, with its own beginning and end, so that both are seen. */
export function requestOf(draft: Draft, person: string, now: number): GrantRequest {
  const starts = Math.round(now);
  return {
    person,
    grantee: draft.grantee,
    categories: [...draft.categories].sort(),
    sensitivities: [NORMAL, ...draft.sensitivities].sort(),
    purposes: [draft.purpose ?? ""],
    starts,
    ends: starts + DAYS[draft.lasts] * DAY,
    conditions: draft.lasts === "visit" ? ["encounter"] : [],
    role: draft.inside === "doctors" ? "physician" : null,
    practitioner: draft.inside === "one" ? draft.one : null,
    ...(draft.ask === undefined ? {} : { ask: draft.ask }),
  };
}

export interface Kind {
  readonly category: string;
  readonly count: number;
  /** The month of the newest, `2026-03`. */
  readonly newest: string;
}

/** What there is to share, by category; the largest first. */
export function kinds(known: readonly Known[]): Kind[] {
  const made = new Map<string, Kind>();
  for (const { category, month } of known) {
    const before = made.get(category) ?? { category, count: 0, newest: "" };
    const newest = before.newest < month ? month : before.newest;
    made.set(category, { category, count: before.count + 1, newest });
  }
  return [...made.values()].sort((one, two) => two.count - one.count);
}

/** The labels of records that are kept closed unless they are named, with how many there are. */
export function sensitive(known: readonly Known[]): ReadonlyMap<string, number> {
  const made = new Map<string, number>();
  for (const { sensitivity } of known) {
    if (sensitivity !== NORMAL) made.set(sensitivity, (made.get(sensitivity) ?? 0) + 1);
  }
  return made;
}

/** How many records stay closed, though some may be open. */
export function closed(known: readonly Known[], draft: Draft): number {
  const open = [NORMAL, ...draft.sensitivities];
  return known.filter(
    (each) => !draft.categories.includes(each.category) || !open.includes(each.sensitivity),
  ).length;
}
