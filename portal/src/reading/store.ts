/**
 * The reading key of this device, between visits, in IndexedDB.
 *
 * WebCrypto has no key of this kind that cannot be taken out. So the secret bytes are sealed under an
 * AES-256-GCM key of this browser that cannot be: a copy of the stored bytes alone opens nothing.
 * Script of this page could have the browser open them; the content policy lets no foreign one in.
 */

import type { Bytes } from "../sign/bytes";
import { refuse } from "./refusal";

const NAME = "yilian-reading";
const STORE = "keys";
const AES = { name: "AES-GCM", length: 256 };

/** A reading key as it is kept; `id` is the person's. */
export interface KeptKey {
  readonly id: string;
  readonly public: string;
  /** When it was made, in ms. */
  readonly made: number;
  readonly wrapping: CryptoKey;
  readonly nonce: Bytes;
  readonly sealed: Bytes;
}

/** Give the reading key that a person has on this device, or null. */
export async function readingKey(person: string): Promise<KeptKey | null> {
  return ((await run("readonly", (at) => at.get(person))) as KeptKey | undefined) ?? null;
}

/** Seal a reading key's secret and keep it, in the place of one that there was. */
export async function keepReadingKey(person: string, shown: string, secret: Bytes): Promise<KeptKey> {
  const wrapping = await crypto.subtle.generateKey(AES, false, ["encrypt", "decrypt"]);
  const nonce = crypto.getRandomValues(new Uint8Array(12));
  const how = { name: "AES-GCM", iv: nonce };
  const sealed = new Uint8Array(await crypto.subtle.encrypt(how, wrapping, secret));
  const made = { id: person, public: shown, made: Date.now(), wrapping, nonce, sealed };
  await run("readwrite", (at) => at.put(made));
  return made;
}

/** Open the secret of a kept key; refuses `no_key` where what was kept is damaged. */
export async function secretOf({ wrapping, nonce, sealed }: KeptKey): Promise<Bytes> {
  try {
    const how = { name: "AES-GCM", iv: nonce };
    return new Uint8Array(await crypto.subtle.decrypt(how, wrapping, sealed));
  } catch {
    throw refuse("no_key");
  }
}

/** Destroy the reading key that a person has on this device. */
export async function forgetReadingKey(person: string): Promise<void> {
  await run("readwrite", (at) => at.delete(person));
}

async function run(
  mode: IDBTransactionMode, act: (at: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const database = await open();
  try {
    const change = database.transaction(STORE, mode, { durability: "strict" });
    const asked = act(change.objectStore(STORE));
    await new Promise<void>((done, fail) => {
      change.oncomplete = () => { done(); };
      change.onabort = change.onerror = () => { fail(refuse("no_store")); };
    });
    return asked.result as unknown;
  } finally {
    database.close();
  }
}

async function open(): Promise<IDBDatabase> {
  const factory = (globalThis as { indexedDB?: IDBFactory }).indexedDB;
  if (factory === undefined) throw refuse("no_store");
  return new Promise((done, fail) => {
    const asked = factory.open(NAME, 1);
    asked.onupgradeneeded = () => { asked.result.createObjectStore(STORE, { keyPath: "id" }); };
    asked.onsuccess = () => { done(asked.result); };
    asked.onerror = asked.onblocked = () => { fail(refuse("no_store")); };
  });
}
