/** Bytes as WebCrypto takes them, and base64 (RFC 4648, section 4) as vaults write it in JSON. */

import { fromBase64 } from "../proof/bytes";
import type { Bytes } from "../sign/bytes";
import { refuse } from "./refusal";

export type { Bytes };

/** Read base64 in its one spelling; refuses `altered` for any other text. */
export function bytesOf(text: string): Bytes {
  const found = fromBase64(text);
  if (found === null) throw refuse("altered");
  return found.slice();
}
