/** Writes a record anew with another value and a note; every other number stays as it is written. */

/** FHIR types with the element `note` (R4) that the portal corrects. */
const NOTED = new Set([
  "AllergyIntolerance", "CarePlan", "Condition", "Goal", "ImagingStudy", "Immunization",
  "MedicationAdministration", "MedicationRequest", "MedicationStatement", "Observation", "Procedure",
]);

type Written = Record<string, unknown> & { resourceType?: unknown };

// A number is carried through as a text with a mark before it: 6.10 says more than 6.1.
const MARK = "\u0000";
const MARKED = /"\\u0000(-?[0-9][0-9.eE+-]*)"/g;

/** A number that is written exactly as it was typed. */
export function asTyped(number: string): string {
  return MARK + number;
}

/** Writes a resource's bytes, its numbers as they were typed or read. */
export function writtenText(resource: Readonly<Record<string, unknown>>): string {
  return JSON.stringify(resource, null, 1).replace(MARKED, "$1");
}

/** Tells whether a record is of a type that takes a note about its correction. */
export function takesNotes(content: string): boolean {
  const type = read(content)?.resourceType;
  return typeof type === "string" && NOTED.has(type);
}

/** Gives the number of a record's quantity as it is written, where it has one. */
export function valueOf(content: string): string | undefined {
  const value = quantity(read(content) ?? {})?.["value"];
  return typeof value === "string" && value.startsWith(MARK) ? value.slice(1) : undefined;
}

/** Writes the new version's bytes. `value` is a decimal number, undefined where there is none. */
export function corrected(
  content: string, value: string | undefined, why: string,
): Uint8Array<ArrayBuffer> {
  const made = read(content) ?? {};
  const found = quantity(made);
  if (value !== undefined && found !== undefined) {
    found["value"] = asTyped(value);
  }
  const before = Array.isArray(made["note"]) ? (made["note"] as unknown[]) : [];
  made["note"] = [...before, { text: why }];
  return new TextEncoder().encode(writtenText(made));
}

function quantity(of: Written): Record<string, unknown> | undefined {
  const found = of["valueQuantity"];
  return typeof found === "object" && found !== null ? (found as Record<string, unknown>) : undefined;
}

function read(content: string): Written | undefined {
  try {
    const found = JSON.parse(content, asWritten) as unknown;
    return typeof found === "object" && found !== null ? (found as Written) : undefined;
  } catch {
    return undefined;
  }
}

/** ECMAScript 2025 tells how a number is written; an older browser tells its shortest form. */
function asWritten(_: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === "number" ? MARK + (context?.source ?? String(value)) : value;
}
