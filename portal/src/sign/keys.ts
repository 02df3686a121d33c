/** The device's own keys: made here, never taken out, and what they prove. */

import { join, same, sha256, toBytes, toText, utf8, type Bytes } from "./bytes";
import { encode } from "./canonical";
import { refuse } from "./refusal";
import { all, get, put, remove } from "./store";
import { SUITES, makePair, type SuiteName } from "./suites";

/** A public key in the ledger's form; `public` is base64url of the suite's encoding. */
export interface PublicKey {
  suite: string;
  public: string;
}

/** A key of this device. The private half stays inside the browser; no code can read it. */
export interface DeviceKey {
  id: string;
  owner: string;
  key: { suite: SuiteName; public: string };
  pair: CryptoKeyPair;
  /** When it was made, in ms. */
  made: number;
}

/**
 * Make a key for someone and keep it on this device.
 *
 * `allowed`: the chain's signature suites (`profile.signatures` of genesis). Refuses `no_suite`
 * where the browser can do none of them, `no_store` where it keeps nothing. There is no way around
 * either: a key that can be taken out is no device key.
 */
export async function makeDeviceKey(owner: string, allowed: readonly string[]): Promise<DeviceKey> {
  const { suite, pair, public: bytes } = await makePair(allowed);
  const key = { suite, public: toText(bytes) };
  const made = { id: await keyId(key), owner, key, pair, made: Date.now() };
  await put("keys", made);
  await keepForGood();
  return made;
}

/** List the keys on this device, of one owner where named; the newest first. */
export async function deviceKeys(owner?: string): Promise<DeviceKey[]> {
  const found = await all<DeviceKey>("keys");
  const own = found.filter((each) => owner === undefined || each.owner === owner);
  return own.sort((one, two) => two.made - one.made);
}

/** Give a key of this device by its id. */
export async function deviceKey(id: string): Promise<DeviceKey | undefined> {
  return get<DeviceKey>("keys", id);
}

/** Destroy a key of this device; revoke it on the chain as well. */
export async function forgetDeviceKey(id: string): Promise<void> {
  await remove("keys", id);
}

/** Name a key: the first 16 bytes of SHA-256 over domain, suite and public bytes. */
export async function keyId(key: PublicKey): Promise<string> {
  const text = join(utf8(`yilian/key/1\n${key.suite}\n`), toBytes(key.public));
  return toText((await sha256(text)).subarray(0, 16));
}

/** Sign bytes with a device key; what is wrong is found here and not at the node. */
export async function signWith(key: DeviceKey, data: Bytes): Promise<Bytes> {
  const suite = SUITES[key.key.suite];
  const made = await crypto.subtle.sign(suite.used, key.pair.privateKey, data);
  const signature = suite.settle(new Uint8Array(made));
  const raw = new Uint8Array(await crypto.subtle.exportKey("raw", key.pair.publicKey));
  const fits = same(suite.compress(raw), toBytes(key.key.public));
  if (!fits || !(await crypto.subtle.verify(suite.used, key.pair.publicKey, signature, data))) {
    throw refuse("bad_signature");
  }
  return signature;
}

/**
 * Prove that a new key's holder asks for it: `proof` of AddKey, RotateKey, HandOverKey and
 * ProposeRecovery (`ledger/modules/identity/rules.py: key_proof`). `owner` is whose key it becomes.
 */
export async function keyProof(key: DeviceKey, owner: string): Promise<string> {
  return toText(await signWith(key, keyProofText(owner, key.key)));
}

/** Give the text that a new key signs for its proof. */
export function keyProofText(owner: string, key: PublicKey): Bytes {
  return encode({ domain: "yilian/key-proof/1", owner, public: key.public, suite: key.suite });
}

/** Give the text that a guardian signs to let `key` take over for `person`. */
export function approvalText(recovery: string, person: string, key: PublicKey): Bytes {
  return encode({
    domain: "yilian/recovery-approval/1",
    person,
    public: key.public,
    recovery,
    suite: key.suite,
  });
}

async function keepForGood(): Promise<void> {
  // A browser may throw site data away when the disk is full, unless it was asked not to.
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage;
  try {
    await storage?.persist();
  } catch {
    return;
  }
}
