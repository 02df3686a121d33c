/** Keys that this device made to guard somebody, each with its salt and whom it is for. */
import { get as ask } from "../api";
import { type DeviceKey, makeDeviceKey, toBytes, toText } from "../sign";
import { join, sha256, utf8 } from "../sign/bytes";
import { approvalText, signWith } from "../sign/keys";
import { all, put } from "../sign/store";

export interface GuardianKey extends DeviceKey {
  /** 32 bytes, base64url; only an approval shows it. */
  readonly salt: string;
  /** What the chain knows of this guardian. */
  readonly commitment: string;
  /** Whom it is for, in the guardian's own words. They never leave this device. */
  readonly label: string;
}

export interface Asked {
  readonly recovery: string;
  readonly person: string;
  readonly key: { readonly suite: string; readonly public: string };
}

const DOMAIN = utf8("yilian/guardian/1\n");
const ED25519 = ["ed25519"];

function ownerOf(guardian: string): string {
  return `guardian/${guardian}`;
}

/** The signature suites that the chain allows, as its genesis says. */
export async function allowed(): Promise<readonly string[]> {
  const { profile } = await ask("/v1/genesis");
  return profile?.signatures ?? ED25519;
}

/** SHA-256 of domain, salt, suite and public bytes: `rules.py: guardian_commitment`. */
export async function commitmentOf(key: Asked["key"], salt: string): Promise<string> {
  return toText(await sha256(join(DOMAIN, utf8([salt, key.suite, key.public].join("\n")))));
}

/** Makes a key for guarding somebody. `guardian` is who is signed in. */
export async function makeGuardianKey(guardian: string, label: string): Promise<GuardianKey> {
  const made = await makeDeviceKey(ownerOf(guardian), await allowed());
  const salt = toText(crypto.getRandomValues(new Uint8Array(32)));
  const kept = { ...made, salt, label, commitment: await commitmentOf(made.key, salt) };
  await put("keys", kept);
  return kept;
}

/** The keys by which somebody guards others from this device, the newest first. */
export async function guardianKeys(guardian: string): Promise<GuardianKey[]> {
  const found = await all<Partial<GuardianKey> & DeviceKey>("keys");
  const whole = (each: Partial<GuardianKey> & DeviceKey): each is GuardianKey =>
    each.owner === ownerOf(guardian) && each.salt !== undefined && each.commitment !== undefined;
  return found.filter(whole).sort((one, two) => two.made - one.made);
}

/** A guardian's approval of a new key, as the law reads it. */
export async function approvalOf(
  by: GuardianKey, asked: Asked,
): Promise<{ key: { suite: string; public: string }; salt: string; signature: string }> {
  const text = approvalText(asked.recovery, asked.person, { ...asked.key });
  return { key: { ...by.key }, salt: by.salt, signature: toText(await signWith(by, text)) };
}

/** Whether a text can be a guardian's code: the digest that stands on the chain. */
export function isCode(text: string): boolean {
  try {
    return toBytes(text).length === 32;
  } catch {
    return false;
  }
}
