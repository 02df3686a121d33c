/** Bytes and their one spelling as text: unpadded base64url (RFC 4648, section 5). */

import { refuse } from "./refusal";

export type Bytes = Uint8Array<ArrayBuffer>;

const READER = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const WRITER = new TextEncoder();

/** Write bytes as unpadded base64url. */
export function toText(data: Uint8Array): string {
  const letters = Array.from(data, (each) => String.fromCharCode(each)).join("");
  return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Read unpadded base64url; refuses padding, foreign letters and spare bits that are not zero. */
export function toBytes(text: string): Bytes {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) throw refuse("malformed");
  const letters = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  const data = Uint8Array.from(letters, (each) => each.charCodeAt(0));
  if (toText(data) !== text) throw refuse("not_canonical");
  return data;
}

/** Write text as UTF-8. */
export function utf8(text: string): Bytes {
  return WRITER.encode(text);
}

/** Read UTF-8; refuses what is none. */
export function fromUtf8(data: Uint8Array): string {
  try {
    return READER.decode(data);
  } catch {
    throw refuse("malformed");
  }
}

/** Put pieces together. */
export function join(...pieces: Uint8Array[]): Bytes {
  const made = new Uint8Array(pieces.reduce((sum, each) => sum + each.length, 0));
  let at = 0;
  for (const each of pieces) {
    made.set(each, at);
    at += each.length;
  }
  return made;
}

/** Tell whether two runs of bytes are the same. */
export function same(one: Uint8Array, two: Uint8Array): boolean {
  return one.length === two.length && one.every((each, at) => each === two[at]);
}

/** SHA-256 (FIPS 180-4). */
export async function sha256(data: Uint8Array): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", data.slice()));
}

/** Write bytes in lower-case hex. */
export function hex(data: Uint8Array): string {
  return Array.from(data, (each) => each.toString(16).padStart(2, "0")).join("");
}

/** Draw a random id of 16 bytes; as everywhere here, it does not begin with "-". */
export function newId(): string {
  const drawn = crypto.getRandomValues(new Uint8Array(16));
  drawn[0] = (drawn[0] ?? 0) & 0x7f;
  return toText(drawn);
}
