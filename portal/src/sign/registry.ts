/** What there is to sign: the fields of every message, as `tools/sentences.py` wrote them. */

import { toBytes } from "./bytes";
import { isObject, type Json, type JsonObject } from "./canonical";
import { refuse } from "./refusal";
import written from "./registry.json";

export type Kind =
  | "id" | "digest" | "bytes" | "moment" | "key" | "approval"
  | "choice" | "flag" | "whole" | "text" | "list" | "action";

export interface Shape {
  kind: Kind;
  min?: number | null;
  max?: number | null;
  pattern?: string;
  choices?: string[];
  item?: Shape;
  fields?: Field[];
  actions?: Record<string, Field[]>;
}

export interface Field extends Shape {
  name: string;
  /** Present where the field may be left out; a value equal to it must be. */
  default?: Json;
}

interface Registry {
  domain: string;
  limits: { bytes: number; messages: number };
  body: Field[];
  messages: Record<string, { machine: boolean; fields: Field[] }>;
  terms: { tag: string; fields: Field[] };
}

export const REGISTRY = written as unknown as Registry;

const LENGTHS: Partial<Record<Kind, number>> = { id: 16, digest: 32 };
const LONGEST_BYTES = 8192;

/** Give a message's fields; refuses a type that this build does not know. */
export function fieldsOf(type: Json | undefined): Field[] {
  if (typeof type !== "string" || !Object.hasOwn(REGISTRY.messages, type)) {
    throw refuse("unknown_message");
  }
  return REGISTRY.messages[type]?.fields ?? [];
}

/**
 * Refuse an object that has not exactly these fields (and `tags`, which are checked elsewhere).
 *
 * `complete`: every field must stand there, defaults too, as in a grant's terms.
 */
export function checkFields(
  value: JsonObject, fields: Field[], place: string, tags: string[], complete = false,
): void {
  const known = new Set([...tags, ...fields.map((each) => each.name)]);
  for (const name of Object.keys(value)) {
    if (!known.has(name)) throw refuse("not_shown", place);
  }
  for (const field of fields) {
    const at = `${place}.${field.name}`;
    const found = Object.hasOwn(value, field.name) ? value[field.name] : undefined;
    if (found === undefined) {
      if (field.default === undefined || complete) throw refuse("malformed", at);
    } else if (complete && found === null && field.default === null) {
      continue;
    } else {
      if (!complete && found === field.default) throw refuse("not_canonical", at);
      checkValue(found, field, at);
    }
  }
}

function checkValue(value: Json, shape: Shape, at: string): void {
  if (!CHECKS[shape.kind](value, shape, at)) throw refuse("malformed", at);
}

type Check = (value: Json, shape: Shape, at: string) => boolean;

function within(count: number, shape: Shape): boolean {
  return count >= (shape.min ?? -Infinity) && count <= (shape.max ?? Infinity);
}

const binary: Check = (value, shape) => {
  if (typeof value !== "string" || value.length < 2 || value.length > LONGEST_BYTES) return false;
  const size = toBytes(value).length;
  return size === (LENGTHS[shape.kind] ?? size);
};

const struct: Check = (value, shape, at) => {
  if (!isObject(value)) return false;
  checkFields(value, shape.fields ?? [], at, []);
  return true;
};

const CHECKS: Record<Kind, Check> = {
  id: binary,
  digest: binary,
  bytes: binary,
  key: struct,
  approval: struct,
  moment: (value) => typeof value === "number" && value >= 0,
  whole: (value, shape) => typeof value === "number" && within(value, shape),
  flag: (value) => typeof value === "boolean",
  choice: (value, shape) => typeof value === "string" && (shape.choices ?? []).includes(value),
  text: (value, shape) =>
    typeof value === "string" &&
    within(Array.from(value).length, shape) &&
    (shape.pattern === undefined || new RegExp(shape.pattern, "u").test(value)),
  list: (value, shape, at) => {
    const { item } = shape;
    if (!Array.isArray(value) || item === undefined || !within(value.length, shape)) return false;
    value.forEach((each, index) => { checkValue(each, item, `${at}.${index}`); });
    return true;
  },
  action: (value, shape, at) => {
    const actions = shape.actions ?? {};
    if (!isObject(value) || typeof value["do"] !== "string") return false;
    if (!Object.hasOwn(actions, value["do"])) return false;
    checkFields(value, actions[value["do"]] ?? [], at, ["do"]);
    return true;
  },
};
