/**
 * Canonical JSON: one text per value, and nothing else is read.
 *
 * The profile of RFC 8785 in docs/formats/transaction.md: members in ASCII and sorted, integers
 * within 2^53-1, no floats, no white space. `JSON.stringify` escapes strings as RFC 8785 says.
 */

import { fromUtf8, same, utf8, type Bytes } from "./bytes";
import { refuse } from "./refusal";

export type Json = string | number | boolean | null | Json[] | JsonObject;
export interface JsonObject {
  [member: string]: Json;
}

const DEEPEST = 16;
const MEMBER = /^[ -~]*$/;

/** Write a value as canonical bytes; refuses what the profile has no spelling for. */
export function encode(value: Json): Bytes {
  return utf8(text(value, 0));
}

/** Read canonical bytes; refuses every other spelling, a member named twice among them. */
export function decode(data: Uint8Array): Json {
  let value: unknown;
  try {
    value = JSON.parse(fromUtf8(data));
  } catch {
    throw refuse("malformed");
  }
  if (!same(encode(value as Json), data)) throw refuse("not_canonical");
  return value as Json;
}

/** Tell objects from everything else that JSON knows. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function text(value: Json, depth: number): string {
  if (depth > DEEPEST) throw refuse("malformed");
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number") return integer(value);
  if (typeof value === "string") return string(value);
  if (Array.isArray(value)) return `[${value.map((each) => text(each, depth + 1)).join(",")}]`;
  if (typeof value !== "object") throw refuse("malformed");
  const members = Object.keys(value).sort();
  const written = members.map((name) => {
    if (!MEMBER.test(name)) throw refuse("malformed");
    return `${JSON.stringify(name)}:${text(value[name] as Json, depth + 1)}`;
  });
  return `{${written.join(",")}}`;
}

function integer(value: number): string {
  if (!Number.isSafeInteger(value)) throw refuse("malformed");
  return value.toFixed(0).replace(/^-0$/, "0");
}

function string(value: string): string {
  // A lone surrogate is no character: UTF-8 cannot write it, and the law does not read it.
  if (/\p{Surrogate}/u.test(value)) throw refuse("malformed");
  return JSON.stringify(value);
}
