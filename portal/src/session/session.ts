/** Who is signed in here: kept between visits, the same in all tabs, gone when the node says so. */

import { setRefusalListener, setRequestSigner } from "../api";
import { setWho } from "../who";
import { sessionHeader } from "./claim";
import { forget, keep, type Kept, kept, type Kind } from "./keep";

/** What the portal shows to whom; the node judges every request by itself. */
const ROLES: Record<Kind, readonly string[]> = {
  person: ["person"],
  practitioner: ["practitioner"],
  agent: ["operator"],
  organisation: ["operator"],
};
/** Refusals after which a session is worth nothing. */
const OVER = new Set([
  "sign_in.session_unknown",
  "sign_in.session_expired",
  "sign_in.session_ended",
  "sign_in.session_revoked",
]);

let current: Kept | undefined;
let tabs: BroadcastChannel | undefined;

/** Gives the session of this browser, in or not. */
export function session(): Kept | undefined {
  return current;
}

/** Brings back what was kept, here and whenever another tab signs in or out. */
export async function restore(): Promise<void> {
  if (tabs === undefined && typeof BroadcastChannel !== "undefined") {
    tabs = new BroadcastChannel("yilian-session");
    tabs.onmessage = () => {
      void restore();
    };
  }
  setRefusalListener((problem) => {
    if (OVER.has(problem.code) && current !== undefined) void drop();
  });
  try {
    hold(await kept());
  } catch {
    hold(undefined);
  }
}

/** Makes a session this browser's own. */
export async function adopt(found: Kept): Promise<void> {
  await keep(found);
  hold(found);
  tabs?.postMessage("changed");
}

/** Forgets the session here, whatever the node knows of it. */
export async function drop(): Promise<void> {
  hold(undefined);
  try {
    await forget();
  } finally {
    tabs?.postMessage("changed");
  }
}

function hold(found: Kept | undefined): void {
  current = found;
  if (found === undefined) {
    setRequestSigner(undefined);
    setWho(undefined);
    return;
  }
  setRequestSigner((method, path, body) => sessionHeader(found, method, path, body));
  const { subject, organisation, kind, state } = found.signedIn;
  setWho({ subject, organisation, roles: ROLES[kind], level: state === "in" ? 2 : 1 });
}
