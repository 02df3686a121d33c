/**
 * Orders that wait to be sent, in IndexedDB: written down before they are sent, sent in their order,
 * and struck out when the node has answered. Each has a key of its own, under which the node does it
 * once, however often it is sent.
 */
import { ProblemError, type Problem } from "../../problem";

export type Order = Readonly<Record<string, unknown>> & { readonly key: string };

export interface Line {
  readonly number: number;
  readonly organisation: string;
  /** As the node names it. */
  readonly action: string;
  /** What was scanned, to show it. */
  readonly code: string;
  readonly order: Order;
  /** When it was done, in ms. */
  readonly at: number;
  readonly refused?: Problem;
}

export type Outcome<T> =
  | { readonly state: "done"; readonly done: T }
  | { readonly state: "refused"; readonly problem: Problem }
  | { readonly state: "waiting" };

export type Send<T> = (line: Line) => Promise<T>;

const NAME = "yilian-supply";
const STORE = "waiting";
const SIGNED_OUT = 401;

const listeners = new Set<() => void>();

export function onChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

function changed(): void {
  listeners.forEach((each) => {
    each();
  });
}

/** Writes an order down, sends all that waits in its order, and tells what became of this one. */
export async function carryOut<T>(line: Omit<Line, "number">, send: Send<T>): Promise<Outcome<T>> {
  await run("readwrite", (at) => at.add(line));
  changed();
  const outcome = (await sendWaiting(line.organisation, send)).get(line.order.key);
  if (outcome?.state === "refused") {
    // Who asked is told at once; only what was refused later is kept to be seen.
    const found = (await lines(line.organisation)).find((each) => each.order.key === line.order.key);
    if (found !== undefined) await strike(found.number);
  }
  return outcome ?? { state: "waiting" };
}

/** Sends what waits, the oldest first; stops where the node is not reached. One tab at a time. */
export async function sendWaiting<T>(
  organisation: string,
  send: Send<T>,
): Promise<Map<string, Outcome<T>>> {
  const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
  const work = (): Promise<Map<string, Outcome<T>>> => sendEach(organisation, send);
  return locks === undefined ? work() : locks.request(NAME, work);
}

async function sendEach<T>(organisation: string, send: Send<T>): Promise<Map<string, Outcome<T>>> {
  const found = new Map<string, Outcome<T>>();
  for (const line of await lines(organisation)) {
    if (line.refused !== undefined) continue;
    const outcome = await sendOne(line, send);
    if (outcome.state === "waiting") break;
    found.set(line.order.key, outcome);
    if (outcome.state === "done") {
      await strike(line.number);
    } else {
      await run("readwrite", (at) => at.put({ ...line, refused: outcome.problem }));
      changed();
    }
  }
  return found;
}

async function sendOne<T>(line: Line, send: Send<T>): Promise<Outcome<T>> {
  try {
    return { state: "done", done: await send(line) };
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const unjudged = error.problem.status === 0 || error.problem.status === SIGNED_OUT;
    return unjudged || error.transient
      ? { state: "waiting" }
      : { state: "refused", problem: error.problem };
  }
}

/** Lists what waits, and what was refused when it was sent later; the oldest first. */
export async function lines(organisation: string): Promise<Line[]> {
  const all = (await run("readonly", (at) => at.getAll())) as Line[];
  return all.filter((each) => each.organisation === organisation);
}

/** Takes a line away. */
export async function strike(number: number): Promise<void> {
  await run("readwrite", (at) => at.delete(number));
  changed();
}

async function run(
  mode: IDBTransactionMode,
  act: (at: IDBObjectStore) => IDBRequest,
): Promise<unknown> {
  const database = await open();
  try {
    const change = database.transaction(STORE, mode);
    const request = act(change.objectStore(STORE));
    await new Promise<void>((done, fail) => {
      change.oncomplete = () => {
        done();
      };
      change.onabort = change.onerror = () => {
        fail(change.error ?? new Error(NAME));
      };
    });
    return request.result as unknown;
  } finally {
    database.close();
  }
}

async function open(): Promise<IDBDatabase> {
  return new Promise((done, fail) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(STORE, { keyPath: "number", autoIncrement: true });
    };
    request.onsuccess = () => {
      done(request.result);
    };
    request.onerror = request.onblocked = () => {
      fail(request.error ?? new Error(NAME));
    };
  });
}
