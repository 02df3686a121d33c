/** FHIR dates for people: no more exact than they were written. */
import type { Language } from "../language";

const YEAR = { year: "numeric" } as const;
const SHAPES: readonly (readonly [RegExp, Intl.DateTimeFormatOptions, boolean])[] = [
  [/^\d{4}$/, YEAR, true],
  [/^\d{4}-\d{2}$/, { ...YEAR, month: "long" }, true],
  [/^\d{4}-\d{2}-\d{2}$/, { ...YEAR, month: "long", day: "numeric" }, true],
  [/^\d{4}-\d{2}-\d{2}T/, { dateStyle: "medium", timeStyle: "short" }, false],
];

/** A day stays the day that was written; a time of day is shown in the reader's zone. */
export function fhirMoment(written: string, language: Language): string {
  const shape = SHAPES.find(([form]) => form.test(written));
  const at = Date.parse(written);
  if (shape === undefined || Number.isNaN(at)) return written;
  const zone = shape[2] ? { timeZone: "UTC" } : {};
  return new Intl.DateTimeFormat(language, { ...shape[1], ...zone }).format(at);
}
