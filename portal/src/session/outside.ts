/**
 * Signing in at somebody else's sign-in: going there with a key of this browser, and coming back.
 *
 * What comes back is worth nothing without that key, and is taken only in the window that went.
 */

import type { Language } from "../language";
import { join, toText, utf8 } from "../sign/bytes";
import { encode } from "../sign/canonical";
import { send, sendTimed } from "./calls";
import { forgetWaiting, keepWaiting, newPair, type SignedIn, waiting } from "./keep";
import { adopt, session } from "./session";
import { openDoor } from "./steps";
import { trouble } from "./trouble";

const DOMAIN = "yilian/outside/1\n";
/** Where a window remembers that it went; the key itself is in IndexedDB. */
const WENT = "yilian-outside";

/** What people know a provider by. */
export type OutsideTitle = Readonly<Record<Language, string>>;

export interface OutsideProvider {
  readonly provider: string;
  readonly title: OutsideTitle;
}

export interface OwnLink extends OutsideProvider {
  readonly created: number;
  readonly used: number | null;
}

export interface OwnLinks {
  readonly links: readonly OwnLink[];
  readonly more: readonly OutsideProvider[];
}

interface Begun {
  readonly address: string;
  readonly state: string;
}

/** Asks by whose sign-in people may come in here; often nobody's. */
export async function outsideProviders(): Promise<readonly OutsideProvider[]> {
  const found = (await send("GET", "/v1/sign-in/outside")) as { providers: OutsideProvider[] };
  return found.providers;
}

/** Goes there to sign in, or to join by an invitation's code; this page is left. */
export async function goOutside(provider: string, language: Language, code?: string): Promise<void> {
  const place = await openDoor();
  const { pair, point } = await newPair();
  const asked = { provider, language, session_key: toText(point) };
  const body = code === undefined ? asked : { ...asked, code };
  const { value, ahead } = await sendTimed("POST", "/v1/sign-in/outside/begin", { body });
  const begun = value as Begun;
  await keepWaiting({ state: begun.state, pair, chain: place.chain, ahead, links: false });
  leave(begun);
}

/** Goes there to link one's account; this page is left. */
export async function goLinking(provider: string, language: Language): Promise<void> {
  const found = session();
  if (found === undefined) throw trouble("no_keys");
  const body = { provider, language };
  const begun = (await send("POST", "/v1/sign-in/outside/links", { body, signed: true })) as Begun;
  const { pair, chain, ahead } = found;
  await keepWaiting({ state: begun.state, pair, chain, ahead, links: true });
  leave(begun);
}

function leave(begun: Begun): void {
  window.sessionStorage.setItem(WENT, begun.state);
  window.location.assign(begun.address);
}

/** Takes what came back, once; tells whether an account was linked, and the session. */
export async function comeBack(
  asked: URLSearchParams,
): Promise<{ signedIn: SignedIn; linked: boolean }> {
  const found = await waiting();
  const state = asked.get("state");
  const went = window.sessionStorage.getItem(WENT);
  if (found === undefined || state === null || state !== went || state !== found.state) {
    throw trouble("not_begun_here");
  }
  window.sessionStorage.removeItem(WENT);
  await forgetWaiting();
  const code = asked.get("code");
  if (code === null || asked.has("error")) throw trouble("outside_refused");
  const iss = asked.get("iss");
  const claim = {
    chain: found.chain,
    code,
    iss: iss ?? "",
    origin: window.location.origin,
    state,
  };
  const how = { name: "ECDSA", hash: "SHA-256" };
  const text = join(utf8(DOMAIN), encode(claim));
  const signature = await crypto.subtle.sign(how, found.pair.privateKey, text);
  const body = {
    code,
    state,
    signature: toText(new Uint8Array(signature)),
    ...(iss === null ? {} : { iss }),
  };
  const signedIn = (await send("POST", "/v1/sign-in/outside/finish", { body })) as SignedIn;
  if (!found.links) {
    await adopt({ signedIn, pair: found.pair, chain: found.chain, ahead: found.ahead });
  }
  return { signedIn, linked: found.links };
}

/** Asks by whose sign-ins one can come in, and by whose one might. */
export async function ownLinks(): Promise<OwnLinks> {
  return (await send("GET", "/v1/sign-in/outside/links", { signed: true })) as OwnLinks;
}

/** Unlinks one's account. */
export async function unlink(provider: string): Promise<void> {
  await send("DELETE", `/v1/sign-in/outside/links/${provider}`, { signed: true });
}
