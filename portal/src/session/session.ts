/** Who is signed in here: kept between visits, the same in all tabs, gone when the node says so. */

import { setRefusalListener, setRequestSigner } from "../api";
import { rolesOf, setWho } from "../who";
import { send } from "./calls";
import { sessionHeader } from "./claim";
import { forget, keep, type Kept, kept, type SignedIn } from "./keep";

/** Refusals after which a session is worth nothing. */
const OVER = new Set([
  "sign_in.session_unknown",
  "sign_in.session_expired",
  "sign_in.session_ended",
  "sign_in.session_revoked",
]);
/** Refusals that may mean that somebody is no longer what these pages take them for. */
const CHANGED = new Set(["forbidden", "identity.licence_not_in_force", "sender_inactive"]);
/** How long an answer of the node about this is taken for new. */
const FRESH = 5_000;

let current: Kept | undefined;
let asked = 0;
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
    if (current === undefined) return;
    if (OVER.has(problem.code)) void drop();
    else if (CHANGED.has(problem.code)) void refresh();
  });
  try {
    hold(await kept());
  } catch {
    hold(undefined);
  }
}

/** Asks the node what the chain says now of who is signed in. */
export async function refresh(): Promise<void> {
  const found = current;
  if (found === undefined || Date.now() - asked < FRESH) return;
  asked = Date.now();
  try {
    const signedIn = (await send("GET", "/v1/sign-in/session", { signed: true })) as SignedIn;
    // Meanwhile another may have signed in here, or the same person gone a step further.
    if (session() === found) await adopt({ ...found, signedIn });
  } catch {
    // Where the node says that it is over, it was dropped; where no answer came, it may go on.
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
  const { subject, organisation, kind, standing, state } = found.signedIn;
  const roles = rolesOf(kind, standing);
  setWho({ subject, organisation, kind, roles, level: state === "in" ? 2 : 1 });
}
