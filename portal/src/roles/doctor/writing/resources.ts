/** FHIR R4 resources as a doctor writes them, every number as it was typed. */
import { utf8 } from "../../../sign/bytes";
import { asTyped, writtenText } from "../correcting";
import { pressureScales, type Scale } from "./measures";

const LOINC = "http://loinc.org";
const UCUM = "http://unitsofmeasure.org";
const CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category";
const PANEL = { code: "85354-9", display: "Blood pressure panel with all children optional" };
const NOTE = { code: "34109-9", display: "Note" };

/** Whose it is, in which encounter, and who writes; ids. */
export interface About {
  readonly person: string;
  readonly encounter: string;
  readonly author: string;
}

type Fields = Readonly<Record<string, unknown>>;

function named(kind: "person" | "encounter" | "practitioner", value: string): Fields {
  return { identifier: { system: `urn:yilian:${kind}`, value } };
}

/** A time of the clock on the wall, with what that clock is ahead of UTC: `2026-11-22T21:30:00+08:00`. */
export function written(local: string): string {
  const ahead = -new Date(local).getTimezoneOffset();
  const two = (number: number): string => String(Math.floor(Math.abs(number))).padStart(2, "0");
  return `${local.slice(0, 16)}:00${ahead < 0 ? "-" : "+"}${two(ahead / 60)}:${two(ahead % 60)}`;
}

/** The minute that it is, as a form has it: `2026-11-22T21:30`. */
export function thisMinute(at = new Date()): string {
  const two = (number: number): string => String(number).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

function observation(about: About, category: string, code: Fields, when: string): Fields {
  return {
    resourceType: "Observation",
    status: "final",
    category: [{ coding: [{ system: CATEGORY, code: category }] }],
    code,
    subject: named("person", about.person),
    encounter: named("encounter", about.encounter),
    effectiveDateTime: written(when),
    performer: [named("practitioner", about.author)],
  };
}

function quantity(value: string, { unit, ucum }: Pick<Scale, "unit" | "ucum">): Fields {
  return { value: asTyped(value), unit, system: UCUM, code: ucum };
}

function coded({ loinc, display }: Scale, text: string): Fields {
  return { coding: [{ system: LOINC, code: loinc, display }], text };
}

export interface Measured {
  readonly category: "laboratory" | "vital-signs";
  readonly what: string;
  readonly scale: Scale;
  readonly value: string;
  readonly when: string;
}

export function measurement(about: About, { category, what, scale, value, when }: Measured): string {
  return writtenText({
    ...observation(about, category, coded(scale, what), when),
    valueQuantity: quantity(value, scale),
  });
}

export interface Pressure {
  readonly names: { readonly both: string; readonly upper: string; readonly lower: string };
  readonly upper: string;
  readonly lower: string;
  readonly when: string;
}

export function pressure(about: About, { names, upper, lower, when }: Pressure): string {
  const [high, low] = pressureScales();
  const code = { coding: [{ system: LOINC, ...PANEL }], text: names.both };
  return writtenText({
    ...observation(about, "vital-signs", code, when),
    component: [
      { code: coded(high, names.upper), valueQuantity: quantity(upper, high) },
      { code: coded(low, names.lower), valueQuantity: quantity(lower, low) },
    ],
  });
}

export function note(about: About, title: string, text: string, when: string): string {
  const code = { coding: [{ system: LOINC, ...NOTE }], text: title };
  return writtenText({ ...observation(about, "exam", code, when), valueString: text });
}

/** Units of a single dose; `{...}` are UCUM's annotations of things that are counted. */
export const DOSES = ["mg", "g", "ug", "mL", "[iU]", "{tablet}", "{capsule}", "[drp]", "{puff}"] as const;
export type Dose = (typeof DOSES)[number];

export interface Prescription {
  readonly medicine: string;
  readonly dose: string;
  readonly unit: Dose;
  /** As people write the unit. */
  readonly word: string;
  readonly times: string;
  readonly days: string;
  /** The whole dosage in words. */
  readonly text: string;
  readonly when: string;
}

export function prescription(about: About, made: Prescription): string {
  return writtenText({
    resourceType: "MedicationRequest",
    status: "active",
    intent: "order",
    medicationCodeableConcept: { text: made.medicine },
    subject: named("person", about.person),
    encounter: named("encounter", about.encounter),
    authoredOn: written(made.when),
    requester: named("practitioner", about.author),
    dosageInstruction: [
      {
        text: made.text,
        timing: {
          repeat: {
            boundsDuration: quantity(made.days, { unit: "d", ucum: "d" }),
            frequency: asTyped(made.times),
            period: asTyped("1"),
            periodUnit: "d",
          },
        },
        doseAndRate: [{ doseQuantity: quantity(made.dose, { unit: made.word, ucum: made.unit }) }],
      },
    ],
  });
}

/** The bytes that are sent, and kept to the last one. */
export function bytesOf(content: string): ReturnType<typeof utf8> {
  return utf8(content);
}

