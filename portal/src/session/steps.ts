/** The steps of signing in, joining and ending, each one function. */

import { toBytes, toText } from "../sign/bytes";
import { type DeviceKey, deviceKeys, keyProof, makeDeviceKey, signWith } from "../sign/keys";
import { send, sendTimed } from "./calls";
import { challenge, factorText, keyText } from "./claim";
import { newPair, type SignedIn } from "./keep";
import { makePasskey, showPasskey } from "./passkey";
import { adopt, drop, session } from "./session";
import { trouble } from "./trouble";

export interface Door {
  readonly chain: string;
  readonly origin: string;
  readonly rp_id: string;
}

interface Begun {
  readonly attempt: string;
  readonly random: string;
  readonly origin: string;
  readonly rp_id: string;
}

interface Joining {
  readonly begun: Begun;
  readonly organisation_name: string;
  readonly handle: string;
  readonly label: string;
  readonly algorithms: readonly number[];
  readonly known: readonly string[];
  /** For who is not on the chain yet: for whom a key is to be made, and by which suites. */
  readonly key: { readonly owner: string; readonly suites: readonly string[] } | null;
}

export interface NewFactor {
  readonly secret: string;
  readonly address: string;
  readonly qr: { readonly side: number; readonly path: string };
}

export interface OwnAccount {
  readonly sessions: readonly {
    readonly session: string;
    readonly way: string;
    readonly created: number;
    readonly seen: number;
    readonly own: boolean;
  }[];
  readonly passkeys: readonly {
    readonly passkey: string;
    readonly created: number;
    readonly used: number | null;
  }[];
  readonly codes: boolean;
}

/** Asks where people sign in here. */
export async function door(): Promise<Door> {
  return (await send("GET", "/v1/sign-in")) as Door;
}

/** Refuses to go on at an address at which nobody can sign in. */
export async function openDoor(): Promise<Door> {
  const found = await door();
  if (found.origin !== window.location.origin) throw trouble("wrong_address");
  return found;
}

async function begin(): Promise<{
  place: Door;
  begun: Begun;
  pair: CryptoKeyPair;
  signs: Uint8Array<ArrayBuffer>;
  ahead: number;
}> {
  const place = await openDoor();
  const { pair, point } = await newPair();
  const body = { session_key: toText(point) };
  const { value, ahead } = await sendTimed("POST", "/v1/sign-in/begin", { body });
  const begun = value as Begun;
  return { place, begun, pair, ahead, signs: await challenge(toBytes(begun.random), point) };
}

/** Signs in by a passkey. */
export async function signIn(): Promise<SignedIn> {
  const { place, begun, pair, signs, ahead } = await begin();
  const shown = await showPasskey(signs, place.rp_id);
  const body = { attempt: begun.attempt, ...shown };
  const signedIn = (await send("POST", "/v1/sign-in/passkey", { body })) as SignedIn;
  await adopt({ signedIn, pair, chain: place.chain, ahead });
  return signedIn;
}

/** Signs in by a key of this device that is on the chain. */
export async function signInByKey(key: DeviceKey): Promise<SignedIn> {
  const { place, begun, pair, signs, ahead } = await begin();
  const claim = {
    chain: place.chain,
    challenge: toText(signs),
    key: key.id,
    origin: place.origin,
    sender: key.owner,
  };
  const body = {
    attempt: begun.attempt,
    sender: key.owner,
    key: key.id,
    signature: toText(await signWith(key, keyText(claim))),
  };
  const signedIn = (await send("POST", "/v1/sign-in/key", { body })) as SignedIn;
  await adopt({ signedIn, pair, chain: place.chain, ahead });
  return signedIn;
}

/** Joins by the code of an invitation: makes a passkey, and signs in. */
export async function joinBy(code: string): Promise<SignedIn> {
  const place = await openDoor();
  const { pair, point } = await newPair();
  const asked = { code, session_key: toText(point) };
  const { value, ahead } = await sendTimed("POST", "/v1/sign-in/join/begin", { body: asked });
  const joining = value as Joining;
  const own = joining.key === null ? {} : { key: await newcomersKey(joining.key) };
  const made = await makePasskey(await challenge(toBytes(joining.begun.random), point), {
    rpId: place.rp_id,
    rpName: joining.organisation_name,
    handle: joining.handle,
    label: joining.label,
    algorithms: joining.algorithms,
    known: joining.known,
  });
  const body = { attempt: joining.begun.attempt, ...made, ...own };
  const signedIn = (await send("POST", "/v1/sign-in/join/finish", { body })) as SignedIn;
  await adopt({ signedIn, pair, chain: place.chain, ahead });
  return signedIn;
}

/** Makes a newcomer's own key on this device, once: asked again, it is the same key. */
async function newcomersKey({ owner, suites }: NonNullable<Joining["key"]>): Promise<object> {
  try {
    const [kept] = await deviceKeys(owner);
    const made = kept ?? (await makeDeviceKey(owner, suites));
    return { key: made.key, proof: await keyProof(made, owner) };
  } catch {
    throw trouble("no_keys");
  }
}

/** Begins to set one-time codes up; they hold once a first code was given. */
export async function enrolFactor(): Promise<NewFactor> {
  return (await send("POST", "/v1/sign-in/factor/enrol", { signed: true })) as NewFactor;
}

/** Gives a one-time code. */
export function giveCode(code: string): Promise<SignedIn> {
  return giveFactor({ code });
}

/** Gives a key of this device as second factor. */
export async function giveKey(key: DeviceKey): Promise<SignedIn> {
  const found = session();
  if (found === undefined) throw trouble("no_keys");
  const text = factorText({
    chain: found.chain,
    key: key.id,
    origin: window.location.origin,
    sender: found.signedIn.subject,
    session: found.signedIn.session,
  });
  return giveFactor({ key: key.id, signature: toText(await signWith(key, text)) });
}

async function giveFactor(body: Record<string, string>): Promise<SignedIn> {
  const signedIn = (await send("POST", "/v1/sign-in/factor", { body, signed: true })) as SignedIn;
  const found = session();
  if (found !== undefined) await adopt({ ...found, signedIn });
  return signedIn;
}

/** Ends this session; the key is destroyed here even where no answer comes. */
export async function signOut(): Promise<void> {
  try {
    await send("POST", "/v1/sign-in/end", { signed: true });
  } finally {
    await drop();
  }
}

/** Asks for one's own sessions and passkeys. */
export async function ownAccount(): Promise<OwnAccount> {
  return (await send("GET", "/v1/sign-in/sessions", { signed: true })) as OwnAccount;
}

export async function endSession(name: string): Promise<void> {
  await send("DELETE", `/v1/sign-in/sessions/${name}`, { signed: true });
}

export async function endOthers(): Promise<void> {
  await send("POST", "/v1/sign-in/sessions/end-others", { signed: true });
}
