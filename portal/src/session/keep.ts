/** What a session leaves on this device: its key pair and whose it is, in IndexedDB. */

import { stored } from "../stored";
import type { Standing } from "../who";
import { trouble } from "./trouble";

const STORE = "session";
const run = stored("yilian-session", { [STORE]: {} }, () => trouble("no_keys"));
const ONE = "current";
const WAITING = "waiting";

/** How a person is known to the node. */
export type Kind = "person" | "practitioner" | "agent" | "organisation";

/** A session as the node tells it. */
export interface SignedIn {
  readonly session: string;
  readonly subject: string;
  readonly kind: Kind;
  readonly organisation: string;
  readonly state: "in" | "second_factor";
  readonly way: "passkey" | "key" | "outside";
  readonly joined: boolean;
  readonly expires: number;
  /** Missing in a session that was kept by an earlier version of the portal. */
  readonly standing?: Standing;
}

/** A session and the key that shows it; the private half cannot be taken out of the browser. */
export interface Kept {
  readonly signedIn: SignedIn;
  readonly pair: CryptoKeyPair;
  readonly chain: string;
  /** What the node's clock is ahead of this device's, in ms. */
  readonly ahead: number;
}

export async function kept(): Promise<Kept | undefined> {
  return (await run(STORE, "readonly", (at) => at.get(ONE))) as Kept | undefined;
}

export async function keep(value: Kept): Promise<void> {
  await run(STORE, "readwrite", (at) => at.put(value, ONE));
}

export async function forget(): Promise<void> {
  await run(STORE, "readwrite", (at) => at.delete(ONE));
}

/** What waits for somebody to come back from another's sign-in: which return, and its key. */
export interface Waiting extends Omit<Kept, "signedIn"> {
  readonly state: string;
  /** Whether an account is to be linked, under the session that there is. */
  readonly links: boolean;
}

export async function waiting(): Promise<Waiting | undefined> {
  return (await run(STORE, "readonly", (at) => at.get(WAITING))) as Waiting | undefined;
}

export async function keepWaiting(value: Waiting): Promise<void> {
  await run(STORE, "readwrite", (at) => at.put(value, WAITING));
}

export async function forgetWaiting(): Promise<void> {
  await run(STORE, "readwrite", (at) => at.delete(WAITING));
}

/**
 * Makes a session's key pair: P-256, not to be taken out; its public half as the node wants it.
 *
 * Refuses `no_keys` where a browser has no such keys or keeps none: without HTTPS or localhost, or
 * in some private windows.
 */
export async function newPair(): Promise<{ pair: CryptoKeyPair; point: Uint8Array<ArrayBuffer> }> {
  const subtle = (globalThis.crypto as Partial<Crypto> | undefined)?.subtle;
  if (subtle === undefined) throw trouble("no_keys");
  try {
    await kept();
    const curve = { name: "ECDSA", namedCurve: "P-256" };
    const pair = await subtle.generateKey(curve, false, ["sign", "verify"]);
    return { pair, point: new Uint8Array(await subtle.exportKey("raw", pair.publicKey)) };
  } catch {
    throw trouble("no_keys");
  }
}
