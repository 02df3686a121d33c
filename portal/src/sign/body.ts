/** The body of a transaction: made, read back, and put together with its signatures. */

import { hex, join, newId, same, sha256, toText, utf8, type Bytes } from "./bytes";
import { decode, encode, isObject, type Json, type JsonObject } from "./canonical";
import { REGISTRY, checkFields, fieldsOf } from "./registry";
import { refuse } from "./refusal";

export interface Message {
  type: string;
  [field: string]: Json;
}

/** What is asked, by whom, at whose expense, and until when (ms) a block may hold it. */
export interface Body {
  chain: string;
  sender: string;
  payer: string;
  signers: string[];
  nonce: string;
  expires: number;
  messages: Message[];
  on_behalf_of?: string;
}

/** What the maker of a body must say; the rest follows. */
export interface Asked {
  chain: string;
  sender: string;
  payer: string;
  /** Ids of the keys that sign; the first is the sender's. */
  signers: string[];
  messages: Message[];
  onBehalfOf?: string | undefined;
  /** The present moment in ms, by the node's clock where it is known. */
  now: number;
  /** How long a block may hold it, in ms; at most 24 hours. */
  lasts?: number;
}

/** An hour: long enough to be carried out of a building without reception. */
export const LASTS = 3_600_000;

const DOMAIN = utf8(REGISTRY.domain);

/** Make a body's bytes, with a nonce of its own; refuses what is not of the registry's form. */
export function makeBody(asked: Asked): Bytes {
  const body: JsonObject = {
    chain: asked.chain,
    sender: asked.sender,
    payer: asked.payer,
    signers: asked.signers,
    nonce: newId(),
    expires: Math.round(asked.now) + (asked.lasts ?? LASTS),
    messages: asked.messages,
  };
  if (asked.onBehalfOf !== undefined) body["on_behalf_of"] = asked.onBehalfOf;
  const bytes = encode(body);
  readBody(bytes);
  return bytes;
}

/** Make the same request anew, with a new nonce and a later end: the old bytes were never sent. */
export function renewBody(bytes: Uint8Array, now: number, lasts?: number): Bytes {
  const { on_behalf_of, ...rest } = readBody(bytes);
  return makeBody({ ...rest, onBehalfOf: on_behalf_of, now, ...(lasts ? { lasts } : {}) });
}

/**
 * Read a body from the bytes that are about to be signed.
 *
 * Refuses another spelling, unknown messages and fields, and values out of their bounds: what this
 * build cannot show in full it does not sign. What only the state can tell is left to the law.
 */
export function readBody(bytes: Uint8Array): Body {
  if (bytes.length > REGISTRY.limits.bytes) throw refuse("too_large");
  const value = decode(bytes);
  if (!isObject(value)) throw refuse("malformed");
  checkFields(value, REGISTRY.body, "body", ["messages"]);
  const messages = value["messages"];
  if (!Array.isArray(messages) || messages.length < 1) throw refuse("malformed", "messages");
  if (messages.length > REGISTRY.limits.messages) throw refuse("malformed", "messages");
  messages.forEach(checkMessage);
  const signers = value["signers"] as string[];
  if (new Set(signers).size < signers.length) throw refuse("malformed", "signers");
  return value as unknown as Body;
}

function checkMessage(message: Json): void {
  if (!isObject(message)) throw refuse("malformed", "messages");
  const { type } = message;
  checkFields(message, fieldsOf(type), typeof type === "string" ? type : "", ["type"]);
}

/** Give what each signer signs. */
export function signedBytes(body: Uint8Array): Bytes {
  return join(DOMAIN, body);
}

/** Put a body and its signatures together, in the order of its signers. */
export function assemble(body: Uint8Array, signatures: Uint8Array[]): Bytes {
  const read = readBody(body);
  if (signatures.length !== read.signers.length) throw refuse("no_key");
  const listed = encode(signatures.map(toText));
  const raw = join(utf8('{"body":'), body, utf8(',"signatures":'), listed, utf8("}"));
  if (raw.length > REGISTRY.limits.bytes) throw refuse("too_large");
  if (!same(encode({ body: read as unknown as Json, signatures: signatures.map(toText) }), raw)) {
    throw refuse("not_canonical");
  }
  return raw;
}

/** Name a transaction as the node does: SHA-256 of its bytes, in hex. */
export async function transactionHash(raw: Uint8Array): Promise<string> {
  return hex(await sha256(raw));
}
