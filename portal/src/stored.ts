/** Databases of this browser (IndexedDB): opened for one change, on the disk when that is over. */

export type Act = (at: IDBObjectStore) => IDBRequest;
export type Run = (store: string, mode: IDBTransactionMode, act: Act) => Promise<unknown>;

/**
 * Names a database and its stores, and gives the way to read and change them.
 *
 * `lost` makes what is thrown where the browser keeps nothing: in some private windows, with site
 * data blocked, or where the disk is full.
 */
export function stored(
  name: string,
  stores: Readonly<Record<string, IDBObjectStoreParameters>>,
  lost: () => Error,
): Run {
  const open = async (): Promise<IDBDatabase> => {
    const factory = (globalThis as { indexedDB?: IDBFactory }).indexedDB;
    if (factory === undefined) throw lost();
    return new Promise((done, fail) => {
      const request = factory.open(name, 1);
      request.onupgradeneeded = () => {
        for (const [store, how] of Object.entries(stores)) request.result.createObjectStore(store, how);
      };
      request.onsuccess = () => {
        done(request.result);
      };
      request.onerror = request.onblocked = () => {
        fail(lost());
      };
    });
  };
  return async (store, mode, act) => {
    const database = await open();
    try {
      const change = database.transaction(store, mode, { durability: "strict" });
      const request = act(change.objectStore(store));
      await new Promise<void>((done, fail) => {
        change.oncomplete = () => {
          done();
        };
        change.onabort = change.onerror = () => {
          fail(lost());
        };
      });
      return request.result as unknown;
    } finally {
      database.close();
    }
  };
}
