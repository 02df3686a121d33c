/** Cuts an event's sentence into words and values, so that each value is shown as what it is. */
import kinds from "./kinds.json";

export type Kind = "moment" | "id" | "word" | "yes" | "plain";

export interface Value {
  readonly field: string;
  readonly kind: Kind;
  readonly value: unknown;
}

export type Piece = string | Value;

const KINDS = kinds as Readonly<Record<string, Readonly<Record<string, Kind>>>>;

/** `template` has `{field}` places; one that the event does not have stays as it is written. */
export function pieces(template: string, event: Readonly<Record<string, unknown>>): Piece[] {
  const known = KINDS[String(event["type"])] ?? {};
  return template.split(/(\{\w+\})/).flatMap((part): Piece[] => {
    const field = /^\{(\w+)\}$/.exec(part)?.[1];
    if (field === undefined || !(field in event)) {
      return part === "" ? [] : [part];
    }
    return [{ field, kind: known[field] ?? "plain", value: event[field] }];
  });
}

export function knownEvents(): string[] {
  return Object.keys(KINDS);
}
