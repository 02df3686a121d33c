import type { Pin, PinStore } from "./trust";

const [BASE, STORE, HERE] = ["yilian-proof", "pins", "here"];

/**
 * Keeps the pin in this browser (IndexedDB); where the browser keeps nothing, as some private
 * windows do, for as long as the page is open.
 */
export function pinStore(): PinStore {
  return typeof indexedDB === "undefined" ? new PageStore() : new BrowserStore();
}

class PageStore implements PinStore {
  private pin: Pin | null = null;

  get(): Promise<Pin | null> {
    return Promise.resolve(this.pin);
  }

  put(pin: Pin): Promise<void> {
    this.pin = pin;
    return Promise.resolve();
  }

  remove(): Promise<void> {
    this.pin = null;
    return Promise.resolve();
  }
}

class BrowserStore implements PinStore {
  private readonly page = new PageStore();

  async get(): Promise<Pin | null> {
    const base = await opened();
    if (base === null) return this.page.get();
    const found = await run(base, "readonly", (store) => store.get(HERE) as IDBRequest<unknown>);
    return (found ?? null) as Pin | null;
  }

  async put(pin: Pin): Promise<void> {
    const base = await opened();
    if (base === null) await this.page.put(pin);
    else await run(base, "readwrite", (store) => store.put(pin, HERE));
  }

  async remove(): Promise<void> {
    const base = await opened();
    if (base === null) await this.page.remove();
    else await run(base, "readwrite", (store) => store.delete(HERE));
  }
}

async function opened(): Promise<IDBDatabase | null> {
  try {
    const opening = indexedDB.open(BASE, 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
    return await settled(opening);
  } catch {
    return null;
  }
}

async function run<T>(
  base: IDBDatabase,
  mode: IDBTransactionMode,
  ask: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  try {
    return await settled(ask(base.transaction(STORE, mode).objectStore(STORE)));
  } finally {
    base.close();
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => {
      resolve(request.result);
    };
    request.onerror = () => {
      reject(request.error ?? new Error("the browser keeps nothing"));
    };
  });
}
