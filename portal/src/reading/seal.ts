/** Seals and what they are bound to, as `vault/envelope.py` writes them: AES-256-GCM (SP 800-38D). */

import { join, type Bytes } from "../sign/bytes";
import { encode } from "../sign/canonical";
import { refuse } from "./refusal";

export const VERSION = 1;
const KEY = 32;
const NONCE = 12;
const TAG = 16;

/** Write what a seal or wrap is for: canonical JSON of its purpose and the ids it belongs to. */
export function binding(purpose: string, ids: Readonly<Record<string, string>>): Bytes {
  return encode({ ...ids, purpose });
}

/**
 * Open a seal: version byte, 12-byte nonce, ciphertext and tag.
 *
 * Refuses `altered` if key, bytes or ids differ, `unknown_format` for another version.
 */
export async function openSealed(key: Bytes, sealed: Bytes, associated: Bytes): Promise<Bytes> {
  if (sealed.length < 1 + NONCE + TAG) throw refuse("altered");
  if (sealed[0] !== VERSION) throw refuse("unknown_format");
  const nonce = sealed.slice(1, 1 + NONCE);
  const bound = join(sealed.subarray(0, 1), associated);
  return openGcm(key, nonce, sealed.slice(1 + NONCE), bound);
}

/** Decrypt AES-256-GCM; refuses `altered`. */
export async function openGcm(
  key: Bytes, nonce: Bytes, box: Bytes, associated: Bytes,
): Promise<Bytes> {
  if (key.length !== KEY) throw refuse("altered");
  const used = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
  const how = { name: "AES-GCM", iv: nonce, additionalData: associated };
  try {
    return new Uint8Array(await crypto.subtle.decrypt(how, used, box));
  } catch {
    throw refuse("altered");
  }
}
