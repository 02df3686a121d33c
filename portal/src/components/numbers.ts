/** The numbers by which people are known; `system` is FHIR's identifier system. */
export interface Numbered {
  readonly system: string;
  readonly number: string;
}

export const SYSTEMS = [
  { name: "resident", system: "urn:oid:2.16.840.1.113883.2.23.1.19.1" },
  { name: "social", system: "http://hl7.org/fhir/sid/us-ssn" },
] as const;

export const NO_NUMBER: Numbered = { system: SYSTEMS[0].system, number: "" };
