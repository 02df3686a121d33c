/** Sends what was left signed and unsent: when the portal starts, and when a connection comes back. */

import { flush, waits } from "./outbox";

const FIRST = 3_000;
const LONGEST = 60_000;

let timer: ReturnType<typeof setTimeout> | undefined;

/** Begin once, beside the session; without a place to keep things there is nothing to send. */
export function start(): void {
  window.addEventListener("online", () => { again(0); });
  again(0);
}

function again(pause: number): void {
  clearTimeout(timer);
  timer = setTimeout(() => { void run(pause); }, pause);
}

async function run(pause: number): Promise<void> {
  try {
    const left = (await flush()).some(waits);
    if (left) again(Math.min(LONGEST, Math.max(FIRST, 2 * pause)));
  } catch {
    return;
  }
}
