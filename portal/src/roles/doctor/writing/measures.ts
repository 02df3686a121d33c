/** What can be measured, and what is said of a number before it is written down. */
import table from "./measures.json";

export interface Scale {
  readonly loinc: string;
  readonly display: string;
  /** As people write it; `ucum` is its code. */
  readonly unit: string;
  readonly ucum: string;
  /** Of adults. */
  readonly usual: readonly string[];
  /** What a value hardly leaves. */
  readonly possible: readonly string[];
}

export interface Measure {
  readonly key: string;
  readonly scales: readonly Scale[];
}

export type Group = keyof typeof table;
export type Remark = "unreadable" | "impossible" | "low" | "high" | "usual";

const NUMBER = /^(0|[1-9][0-9]{0,6})([.][0-9]{1,6})?$/;

export function measures(group: Group): readonly Measure[] {
  return table[group];
}

/** The upper and the lower value of a blood pressure. */
export function pressureScales(): readonly [Scale, Scale] {
  const [upper, lower] = measures("pressure").map((each) => each.scales[0]);
  if (upper === undefined || lower === undefined) throw new Error("no scales of blood pressure");
  return [upper, lower];
}

/** Says what is to be noticed about a number as it was typed; nothing of it is ever rounded. */
export function remark(typed: string, scale: Scale): Remark {
  if (!NUMBER.test(typed)) return "unreadable";
  const value = Number(typed);
  const [least = 0, most = Infinity] = scale.possible.map(Number);
  if (value < least || value > most) return "impossible";
  const [low = 0, high = Infinity] = scale.usual.map(Number);
  return value < low ? "low" : value > high ? "high" : "usual";
}
