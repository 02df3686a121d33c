import { sha256 as hash256 } from "@noble/hashes/sha2.js";
import { sha3_256 } from "@noble/hashes/sha3.js";

export type Bytes = Uint8Array;
export type Hash = (data: Bytes) => Bytes;

/** SHA-256 and SHA3-256 (FIPS 180-4, FIPS 202), not awaited: a proof takes hundreds of them. */
export const sha256: Hash = (data) => hash256(data);
export const STATE_HASHES: ReadonlyMap<string, Hash> = new Map<string, Hash>([
  ["sha256", sha256],
  ["sha3-256", (data) => sha3_256(data)],
]);

const encoder = new TextEncoder();

export const utf8 = (text: string): Bytes => encoder.encode(text);

export function concat(...parts: readonly Bytes[]): Bytes {
  const whole = new Uint8Array(parts.reduce((size, each) => size + each.length, 0));
  let at = 0;
  for (const each of parts) {
    whole.set(each, at);
    at += each.length;
  }
  return whole;
}

/** Negative, zero or positive, as `one` sorts before, with or after `other`. */
export function compare(one: Bytes, other: Bytes): number {
  const shorter = Math.min(one.length, other.length);
  for (let at = 0; at < shorter; at += 1) {
    const apart = (one[at] ?? 0) - (other[at] ?? 0);
    if (apart !== 0) return apart;
  }
  return one.length - other.length;
}

export const equal = (one: Bytes, other: Bytes): boolean => compare(one, other) === 0;

export const toHex = (data: Bytes): string =>
  Array.from(data, (each) => each.toString(16).padStart(2, "0")).join("");

/** Read hexadecimal whose letters and length were checked by the caller's pattern. */
export function fromHex(text: string): Bytes {
  const data = new Uint8Array(text.length / 2);
  for (let at = 0; at < data.length; at += 1) data[at] = parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return data;
}

export const toBase64 = (data: Bytes): string =>
  btoa(Array.from(data, (each) => String.fromCharCode(each)).join(""));

/** Read base64 (RFC 4648, section 4) in its one spelling; null for any other text. */
export function fromBase64(text: string): Bytes | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  try {
    const data = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
    return toBase64(data) === text ? data : null;
  } catch {
    return null;
  }
}

export const toBase64url = (data: Bytes): string =>
  toBase64(data).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

/** Read unpadded base64url (RFC 4648, section 5) with zero spare bits; null for any other text. */
export function fromBase64url(text: string): Bytes | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return null;
  const padded = text.padEnd(Math.ceil(text.length / 4) * 4, "=");
  return fromBase64(padded.replaceAll("-", "+").replaceAll("_", "/"));
}
