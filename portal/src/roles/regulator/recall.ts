/** What a recall is to call back, as it is typed, and as the node takes it. */

export const GRADES = [1, 2, 3] as const;
export const REASONS = [
  "adverse_events",
  "contamination",
  "falsified",
  "labelling",
  "packaging",
  "potency",
  "stability",
  "sterility",
  "storage",
  "other",
] as const;
export const SCOPES = ["lots", "serials", "every"] as const;

export type Scope = (typeof SCOPES)[number];
export type Grade = (typeof GRADES)[number];
export type Reason = (typeof REASONS)[number];

/** The characters of lots and serial numbers (GS1 General Specifications, AI 10 and AI 21). */
const NUMBER = /^[!"%-?A-Z_a-z]{1,20}$/;
const MOST = { lots: 100, serials: 1_000 } as const;

/** Reads a list, one number on each line; undefined where one of them can be none, or too many. */
export function numbersIn(text: string, scope: "lots" | "serials"): readonly string[] | undefined {
  const lines = text.split("\n").map((each) => each.trim());
  const found = [...new Set(lines.filter((each) => each !== ""))];
  const sound = found.length > 0 && found.length <= MOST[scope] && found.every((each) => NUMBER.test(each));
  return sound ? found : undefined;
}

export interface Wanted {
  readonly gtin: string;
  readonly grade: Grade;
  readonly reason: Reason;
  readonly scope: Scope;
  /** The lots or serial numbers; none where every pack is called back. */
  readonly numbers: readonly string[];
}

interface Typed {
  readonly gtin: string;
  readonly grade: string;
  readonly reason: string;
  readonly scope: string;
  readonly numbers: string;
}

export const NOTHING: Typed = { gtin: "", grade: "", reason: "", scope: "", numbers: "" };
export type { Typed };

/** Reads the form; names the first field that is not filled in as it should be. */
export function wantedOf(typed: Typed): Wanted | keyof Typed {
  const gtin = typed.gtin.trim();
  const grade = GRADES.find((each) => String(each) === typed.grade);
  const reason = REASONS.find((each) => each === typed.reason);
  const scope = SCOPES.find((each) => each === typed.scope);
  if (!/^[0-9]{14}$/.test(gtin)) return "gtin";
  if (grade === undefined) return "grade";
  if (reason === undefined) return "reason";
  if (scope === undefined) return "scope";
  if (scope === "every") return { gtin, grade, reason, scope, numbers: [] };
  const numbers = numbersIn(typed.numbers, scope);
  return numbers === undefined ? "numbers" : { gtin, grade, reason, scope, numbers };
}

/** What is called back, as a part of the order to the node. */
export function packsOf({ scope, numbers }: Pick<Wanted, "scope" | "numbers">): {
  lots?: string[]; serials?: string[]; every?: true;
} {
  if (scope === "every") return { every: true };
  return scope === "lots" ? { lots: [...numbers] } : { serials: [...numbers] };
}
