/** The header `Yilian-Session`, and the challenge that binds a sign-in to a session's key. */

import { join, newId, sha256, toText, utf8, type Bytes } from "../sign/bytes";
import { encode } from "../sign/canonical";
import type { Kept } from "./keep";

export const HEADER = "Yilian-Session";
const DOMAIN = "yilian/session/1\n";
const SIGN_IN_DOMAIN = "yilian/sign-in/1\n";
const KEY_DOMAIN = "yilian/sign-in-key/1\n";
const FACTOR_DOMAIN = "yilian/second-factor/1\n";
/** How far ahead of the node's time a request ends: the most that it takes is 60 s. */
const AHEAD = 30_000;

/** Works out what must be signed, for this browser's own key and no other. */
export async function challenge(random: Bytes, point: Uint8Array): Promise<Bytes> {
  return sha256(join(utf8(SIGN_IN_DOMAIN), random, point));
}

/** What a key on the chain signs to sign in. */
export function keyText(claim: {
  chain: string;
  challenge: string;
  key: string;
  origin: string;
  sender: string;
}): Bytes {
  return join(utf8(KEY_DOMAIN), encode(claim));
}

/** What a key on the chain signs as a second factor. */
export function factorText(claim: {
  chain: string;
  key: string;
  origin: string;
  sender: string;
  session: string;
}): Bytes {
  return join(utf8(FACTOR_DOMAIN), encode(claim));
}

/** Signs one request; the same header works once. */
export async function sessionHeader(
  of: Kept,
  method: string,
  path: string,
  body: Uint8Array | undefined,
): Promise<Record<string, string>> {
  const claim = {
    body: toText(await sha256(body ?? new Uint8Array())),
    chain: of.chain,
    expires: Math.floor(Date.now() + of.ahead) + AHEAD,
    method: method.toUpperCase(),
    nonce: newId(),
    path,
    session: of.signedIn.session,
  };
  const text = encode(claim);
  const how = { name: "ECDSA", hash: "SHA-256" };
  const signed = await crypto.subtle.sign(how, of.pair.privateKey, join(utf8(DOMAIN), text));
  return { [HEADER]: `${toText(text)}.${toText(new Uint8Array(signed))}` };
}
