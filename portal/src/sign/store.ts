/** What stays on this device between visits: keys and unsent transactions, in IndexedDB. */

import { stored } from "../stored";
import { refuse } from "./refusal";

export type StoreName = "keys" | "outbox";

const BY_ID = { keyPath: "id" };
const run = stored("yilian-sign", { keys: BY_ID, outbox: BY_ID }, () => refuse("no_store"));

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
