/**
 * What waits to be sent, in IndexedDB: written down before it is sent, sent in its order, and struck
 * out when the node has answered. Each has a key of its own, under which the node does it once,
 * however often it is sent.
 */
import { type Problem, ProblemError } from "./problem";
import { stored } from "./stored";

export interface Waits {
  readonly number: number;
  /** When it was done, in ms. */
  readonly at: number;
  readonly refused?: Problem;
}

export type Outcome<T> =
  | { readonly state: "done"; readonly done: T }
  | { readonly state: "refused"; readonly problem: Problem }
  | { readonly state: "waiting" };

export interface Queue<L extends Waits> {
  /** Be told of every change; gives the function that ends it. */
  readonly onChange: (listener: () => void) => () => void;
  /** Writes a line down, sends all that waits in its order, and tells what became of this one. */
  readonly carryOut: <T>(line: Omit<L, "number">, send: (line: L) => Promise<T>) => Promise<Outcome<T>>;
  /** Sends what waits, the oldest first; stops where the node is not reached. One tab at a time. */
  readonly sendWaiting: <T>(
    owner: string,
    send: (line: L) => Promise<T>,
  ) => Promise<Map<string, Outcome<T>>>;
  /** Lists what waits, and what was refused when it was sent later; the oldest first. */
  readonly lines: (owner: string) => Promise<L[]>;
  /** Takes a line away. */
  readonly strike: (number: number) => Promise<void>;
}

/** Whose a line is, and its key; neither changes. */
export interface Reads<L> {
  readonly owner: (line: Omit<L, "number">) => string;
  readonly key: (line: Omit<L, "number">) => string;
}

const STORE = "waiting";
const SIGNED_OUT = 401;

/** Makes a queue that stays under a name in this browser. */
export function queue<L extends Waits>(name: string, { owner, key }: Reads<L>): Queue<L> {
  const run = stored(
    name,
    { [STORE]: { keyPath: "number", autoIncrement: true } },
    () => new Error(name),
  );
  const listeners = new Set<() => void>();
  const changed = (): void => {
    listeners.forEach((each) => {
      each();
    });
  };
  const lines = async (whose: string): Promise<L[]> => {
    const all = (await run(STORE, "readonly", (at) => at.getAll())) as L[];
    return all.filter((each) => owner(each) === whose);
  };
  const strike = async (number: number): Promise<void> => {
    await run(STORE, "readwrite", (at) => at.delete(number));
    changed();
  };
  const sendEach = async <T>(
    whose: string,
    send: (line: L) => Promise<T>,
  ): Promise<Map<string, Outcome<T>>> => {
    const found = new Map<string, Outcome<T>>();
    for (const line of await lines(whose)) {
      if (line.refused !== undefined) continue;
      const outcome = await sendOne(line, send);
      if (outcome.state === "waiting") break;
      found.set(key(line), outcome);
      if (outcome.state === "done") {
        await strike(line.number);
      } else {
        await run(STORE, "readwrite", (at) => at.put({ ...line, refused: outcome.problem }));
        changed();
      }
    }
    return found;
  };
  const sendWaiting = async <T>(
    whose: string,
    send: (line: L) => Promise<T>,
  ): Promise<Map<string, Outcome<T>>> => {
    const locks = (globalThis.navigator as Partial<Navigator> | undefined)?.locks;
    const work = (): Promise<Map<string, Outcome<T>>> => sendEach(whose, send);
    return locks === undefined ? work() : locks.request(name, work);
  };
  const carryOut: Queue<L>["carryOut"] = async (line, send) => {
    await run(STORE, "readwrite", (at) => at.add(line));
    changed();
    const outcome = (await sendWaiting(owner(line), send)).get(key(line));
    if (outcome?.state === "refused") {
      // Who asked is told at once; only what was refused later is kept to be seen.
      const found = (await lines(owner(line))).find((each) => key(each) === key(line));
      if (found !== undefined) await strike(found.number);
    }
    return outcome ?? { state: "waiting" };
  };
  return {
    onChange: (listener) => {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    carryOut,
    sendWaiting,
    lines,
    strike,
  };
}

async function sendOne<L, T>(line: L, send: (line: L) => Promise<T>): Promise<Outcome<T>> {
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
