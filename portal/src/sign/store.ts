/** What stays on this device between visits: keys and unsent transactions, in IndexedDB. */

import { refuse } from "./refusal";

const NAME = "yilian-sign";
const STORES = ["keys", "outbox"] as const;

export type StoreName = (typeof STORES)[number];

/** List all that a store holds. */
export async function all<T>(store: StoreName): Promise<T[]> {
  return (await run(store, "readonly", (at) => at.getAll())) as T[];
}

/** Give what stands under an id, or undefined. */
export async function get<T>(store: StoreName, id: string): Promise<T | undefined> {
  return (await run(store, "readonly", (at) => at.get(id))) as T | undefined;
}

/** Keep a value with an `id`; it is on the disk when this returns. */
export async function put(store: StoreName, value: { id: string }): Promise<void> {
  await run(store, "readwrite", (at) => at.put(value));
}

/** Forget what stands under an id. */
export async function remove(store: StoreName, id: string): Promise<void> {
  await run(store, "readwrite", (at) => at.delete(id));
}

async function run(
  store: StoreName, mode: IDBTransactionMode, act: (at: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const database = await open();
  try {
    const change = database.transaction(store, mode, { durability: "strict" });
    const request = act(change.objectStore(store));
    await new Promise<void>((done, fail) => {
      change.oncomplete = () => { done(); };
      change.onabort = change.onerror = () => { fail(refuse("no_store")); };
    });
    return request.result as unknown;
  } finally {
    database.close();
  }
}

async function open(): Promise<IDBDatabase> {
  // Absent where a browser keeps nothing (private windows of some, blocked site data).
  const factory = (globalThis as { indexedDB?: IDBFactory }).indexedDB;
  if (factory === undefined) throw refuse("no_store");
  return new Promise((done, fail) => {
    const request = factory.open(NAME, 1);
    request.onupgradeneeded = () => {
      for (const each of STORES) request.result.createObjectStore(each, { keyPath: "id" });
    };
    request.onsuccess = () => { done(request.result); };
    request.onerror = () => { fail(refuse("no_store")); };
    request.onblocked = () => { fail(refuse("no_store")); };
  });
}
