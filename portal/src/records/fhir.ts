/** Reading a FHIR R4 resource for people: what it is, when, its value, and what belongs to it. */

/** Numbers are kept as they are written: 6.10 says more than 6.1 (FHIR R4, decimal). */
export type Json = string | boolean | null | Json[] | { [name: string]: Json };
export type Resource = { [name: string]: Json } & { resourceType: string };

export interface Row {
  /** A key below `rows/` of `portal_records.json`. */
  readonly name: string;
  readonly value: string;
  /** `moment` is a FHIR date, `word` a code whose word stands below `words/`. */
  readonly kind: "text" | "moment" | "word";
}

export interface Reading {
  readonly type: string;
  readonly title: string;
  /** A FHIR date, as exact as it was written; empty where there is none. */
  readonly when: string;
  readonly value: string;
  readonly unit: string;
  readonly range: string;
  /** A code of HL7 v3 ObservationInterpretation, such as `H`; empty where there is none. */
  readonly flag: string;
  readonly parts: readonly Reading[];
  readonly rows: readonly Row[];
  /** Whether everything that matters is in the rows; otherwise the whole resource is shown. */
  readonly known: boolean;
}

const TYPE = /^[A-Z][A-Za-z]*$/;

/** Reads the text of a resource; undefined where it is none. */
export function resourceOf(content: string): Resource | undefined {
  try {
    const found = JSON.parse(content, asWritten) as Json;
    const isOne = isObject(found) && TYPE.test(text(found.resourceType));
    return isOne ? (found as Resource) : undefined;
  } catch {
    return undefined;
  }
}

function asWritten(_name: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === "number" ? (context?.source ?? String(value)) : value;
}

export function isObject(value: Json | undefined): value is { [name: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

type Fields = { [name: string]: Json };

function first(value: Json | undefined): Fields {
  const one = Array.isArray(value) ? value[0] : value;
  return isObject(one) ? one : {};
}

function all(value: Json | undefined): Fields[] {
  return (Array.isArray(value) ? value : [value]).filter(isObject);
}

export function text(value: Json | undefined): string {
  return typeof value === "string" ? value : "";
}

/** What a CodeableConcept says: its own text before a coding's words, and those before a code. */
export function concept(value: Json | undefined): string {
  const found = first(value);
  const coding = first(found.coding);
  return [found.text, coding.display, coding.code].map(text).find((each) => each !== "") ?? "";
}

function code(value: Json | undefined): string {
  return text(first(first(value).coding).code) || concept(value);
}

function concepts(value: Json | undefined): string {
  return all(value).map(concept).filter((each) => each !== "").join("; ");
}

const COMPARED: Readonly<Record<string, string>> = { "<": "<", "<=": "≤", ">": ">", ">=": "≥" };

function amount(value: Json | undefined): string {
  const found = first(value);
  return `${COMPARED[text(found.comparator)] ?? ""}${text(found.value)}`;
}

function quantity(value: Json | undefined): string {
  return `${amount(value)} ${unitOf(value)}`.trim();
}

function unitOf(value: Json | undefined): string {
  const found = first(value);
  return text(found.unit) || text(found.code);
}

function between(value: Json | undefined): string {
  const found = first(value);
  if (text(found.text) !== "") return text(found.text);
  const [low, high] = [amount(found.low), amount(found.high)];
  if (low !== "" && high !== "") return `${low} – ${high}`;
  return low !== "" ? `≥ ${low}` : high !== "" ? `≤ ${high}` : "";
}

function moment(resource: Fields, name: string): string {
  const period = first(resource[`${name}Period`]);
  return text(resource[`${name}DateTime`]) || text(period.start) || text(resource[`${name}String`]);
}

const WHEN: readonly ((resource: Fields) => string)[] = [
  (each) => moment(each, "effective"),
  (each) => moment(each, "occurrence"),
  (each) => moment(each, "performed"),
  (each) => moment(each, "onset"),
  (each) => text(first(each.period).start),
  (each) => text(each.authoredOn),
  (each) => text(each.dateAsserted),
  (each) => text(each.whenHandedOver),
  (each) => text(each.sent),
  (each) => text(each.started),
  (each) => text(each.recordedDate),
  (each) => text(each.date),
  (each) => text(each.issued),
  (each) => text(each.created),
  (each) => text(each.birthDate),
];
const TITLES = ["code", "medicationCodeableConcept", "vaccineCode", "type", "category", "class"];

function valueOf(resource: Fields): string {
  const plain = ["valueString", "valueInteger", "valueDateTime", "valueTime"]
    .map((name) => text(resource[name]))
    .find((each) => each !== "");
  if (plain !== undefined) return plain;
  if (typeof resource.valueBoolean === "boolean") return resource.valueBoolean ? "+" : "−";
  return between(resource.valueRange) || concept(resource.valueCodeableConcept);
}

function row(name: string, value: string, kind: Row["kind"] = "text"): Row {
  return { name, value, kind };
}

const status = (each: Fields): Row => row("status", text(each.status), "word");
const notes = (each: Fields): Row =>
  row("note", all(each.note).map((one) => text(one.text)).join("\n"));
const dosage = (each: Fields, name: string): Row =>
  row(
    "dosage",
    all(each[name])
      .map((one) => text(one.text) || quantity(first(one.doseAndRate).doseQuantity))
      .filter((one) => one !== "")
      .join("; "),
  );
const attached = (each: Fields): Row =>
  row("document", text(first(first(each.content).attachment).title) || text(each.description));

/** What is said of each type besides title, time and value. */
const ROWS: Readonly<Record<string, (resource: Fields) => Row[]>> = {
  Observation: (each) => [row("method", concept(each.method)), status(each), notes(each)],
  Condition: (each) => [
    row("course", code(each.clinicalStatus), "word"),
    row("certainty", code(each.verificationStatus), "word"),
    row("severity", concept(each.severity)),
    row("until", moment(each, "abatement"), "moment"),
    notes(each),
  ],
  AllergyIntolerance: (each) => [
    row("criticality", text(each.criticality), "word"),
    row("reactions", all(each.reaction).map((one) => concepts(one.manifestation)).join("; ")),
    row("course", code(each.clinicalStatus), "word"),
    row("certainty", code(each.verificationStatus), "word"),
    notes(each),
  ],
  MedicationRequest: (each) => [dosage(each, "dosageInstruction"), status(each), notes(each)],
  MedicationStatement: (each) => [dosage(each, "dosage"), status(each), notes(each)],
  MedicationDispense: (each) => [
    row("amount", quantity(each.quantity)), dosage(each, "dosageInstruction"), status(each),
  ],
  MedicationAdministration: (each) => [
    row("amount", quantity(first(each.dosage).dose)), status(each), notes(each),
  ],
  Immunization: (each) => [
    row("dose", text(first(each.protocolApplied).doseNumberPositiveInt)),
    row("lot", text(each.lotNumber)),
    row("site", concept(each.site)),
    status(each),
    notes(each),
  ],
  Procedure: (each) => [
    row("reason", concepts(each.reasonCode)), row("outcome", concept(each.outcome)), status(each), notes(each),
  ],
  Encounter: (each) => [
    row("until", text(first(each.period).end), "moment"), row("reason", concepts(each.reasonCode)), status(each),
  ],
  DiagnosticReport: (each) => [
    row("conclusion", text(each.conclusion) || concepts(each.conclusionCode)), status(each),
  ],
  DocumentReference: (each) => [attached(each), status(each)],
  Communication: (each) => [
    row("text", all(each.payload).map((one) => text(one.contentString)).join("\n")),
  ],
};

/** Reads a resource for people. */
export function reading(resource: Resource): Reading {
  const made = part(resource);
  const rows = ROWS[resource.resourceType];
  return {
    ...made,
    type: resource.resourceType,
    title: TITLES.map((name) => concept(resource[name])).find((each) => each !== "") ?? "",
    when: WHEN.map((find) => find(resource)).find((each) => each !== "") ?? "",
    parts: all(resource.component).map((each) => ({ ...part(each), title: concept(each.code) })),
    rows: (rows?.(resource) ?? []).filter((each) => each.value !== ""),
    known: rows !== undefined,
  };
}

function part(fields: Fields): Reading {
  const measured = first(fields.valueQuantity);
  const has = text(measured.value) !== "";
  return {
    type: "",
    title: "",
    when: "",
    value: has ? amount(measured) : valueOf(fields) || concept(fields.dataAbsentReason),
    unit: has ? unitOf(measured) : "",
    range: between(fields.referenceRange),
    flag: code(fields.interpretation),
    parts: [],
    rows: [],
    known: true,
  };
}
