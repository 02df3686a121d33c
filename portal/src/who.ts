/** Who is signed in. The session says so by `setWho`; the shell shows it and chooses navigation. */
import { useSyncExternalStore } from "react";

export interface Who {
  /** Id on the chain. */
  readonly subject: string;
  readonly organisation: string;
  /** Such as `person`, `practitioner`, `operator`. */
  readonly roles: readonly string[];
  /** 1: signed in, the second factor is still to be given. 2: signed in. */
  readonly level: 1 | 2;
  /** Shown in the header; never sent anywhere. */
  readonly name?: string;
}

let current: Who | undefined;
const listeners = new Set<() => void>();

/** Says who is signed in, or that nobody is. */
export function setWho(who: Who | undefined): void {
  current = who;
  for (const each of listeners) {
    each();
  }
}

export function who(): Who | undefined {
  return current;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

export function useWho(): Who | undefined {
  return useSyncExternalStore(subscribe, who);
}
