/** Numbers as people say them. */
import type { Language } from "../../language";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Says a span of milliseconds in the unit that fits it. */
export function duration(ms: number, language: Language): string {
  const [unit, size] =
    ms < SECOND
      ? (["millisecond", 1] as const)
      : ms < MINUTE
        ? (["second", SECOND] as const)
        : ms < HOUR
          ? (["minute", MINUTE] as const)
          : (["hour", HOUR] as const);
  const shape = { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, shape).format(ms / size);
}
