/** The header `Yilian-Request`: who asks a node for something private (docs/http.md). */

import { join, newId, sha256, toText, utf8, type Bytes } from "./bytes";
import { encode } from "./canonical";
import { signWith, type DeviceKey } from "./keys";

export const HEADER = "Yilian-Request";
export const DOMAIN = "yilian/request/1\n";

/** How far ahead of the node's time a request ends: the most that it takes is 60 s. */
const AHEAD = 45_000;

/** What a caller signs; `path` with its query as sent, `body` the SHA-256 of the body's bytes. */
export interface Claim {
  chain: string;
  sender: string;
  key: string;
  method: string;
  path: string;
  body: string;
  nonce: string;
  expires: number;
}

/** Write the exact bytes that are signed. */
export function claimText(claim: Claim): Bytes {
  return join(utf8(DOMAIN), encode({ ...claim }));
}

/** Give the `body` member of a request's content. */
export async function contentDigest(content: Uint8Array): Promise<string> {
  return toText(await sha256(content));
}

/** Write the header's value. */
export function headerValue(claim: Claim, signature: Uint8Array): string {
  return `${toText(encode({ ...claim }))}.${toText(signature)}`;
}

/**
 * Sign one request with a device key; gives the headers to send beside it.
 *
 * `now`: the node's time in ms where it is known. The same header works once.
 */
export async function signedRequest(
  key: DeviceKey, chain: string, method: string, path: string, content?: Uint8Array, now?: number,
): Promise<Record<string, string>> {
  const claim: Claim = {
    chain,
    sender: key.owner,
    key: key.id,
    method: method.toUpperCase(),
    path,
    body: await contentDigest(content ?? new Uint8Array()),
    nonce: newId(),
    expires: (now ?? Date.now()) + AHEAD,
  };
  return { [HEADER]: headerValue(claim, await signWith(key, claimText(claim))) };
}
