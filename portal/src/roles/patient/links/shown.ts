/** What of a FHIR R4 Bundle is shown to people: one line for each record; the rest is in the file. */

export interface Line {
  readonly key: string;
  /** The FHIR type, whose word is in `portal_open.json` where there is one. */
  readonly type: string;
  readonly title: string;
  readonly when: string;
  readonly value: string;
}

type Json = Readonly<Record<string, unknown>>;

const TITLES = ["code", "medicationCodeableConcept", "vaccineCode", "type", "category"];
const MOMENTS = [
  "effectiveDateTime",
  "onsetDateTime",
  "authoredOn",
  "occurrenceDateTime",
  "performedDateTime",
  "recordedDate",
  "date",
  "issued",
  "birthDate",
];

function objectOf(value: unknown): Json {
  const one: unknown = Array.isArray(value) ? (value as unknown[])[0] : value;
  return typeof one === "object" && one !== null ? (one as Json) : {};
}

function words(concept: unknown): string {
  const found = objectOf(concept);
  const coding = objectOf(found.coding);
  return [found.text, coding.display, coding.code].find((each) => typeof each === "string") ?? "";
}

function valueOf(resource: Json): string {
  const quantity = objectOf(resource.valueQuantity);
  if (typeof quantity.value === "number") {
    const unit = typeof quantity.unit === "string" ? ` ${quantity.unit}` : "";
    return `${String(quantity.value)}${unit}`;
  }
  if (typeof resource.valueString === "string") return resource.valueString;
  return words(resource.valueCodeableConcept);
}

/** Lists the records of a Bundle, without what says where they come from. */
export function linesOf(bundle: unknown): Line[] {
  const entries = objectOf(bundle).entry;
  if (!Array.isArray(entries)) return [];
  return (entries as unknown[])
    .map((each) => objectOf(objectOf(each).resource))
    .filter((each) => typeof each.resourceType === "string" && each.resourceType !== "Provenance")
    .map((each, place) => ({
      key: String(place),
      type: each.resourceType as string,
      title: TITLES.map((name) => words(each[name])).find((text) => text !== "") ?? "",
      when: MOMENTS.map((name) => each[name]).find((text) => typeof text === "string") ?? "",
      value: valueOf(each),
    }));
}
