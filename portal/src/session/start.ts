/** Brings a kept session back when the portal starts, and asks the node whether it still stands. */
import { send } from "./calls";
import type { SignedIn } from "./keep";
import { adopt, restore, session } from "./session";

export function start(): void {
  void bringBack();
}

async function bringBack(): Promise<void> {
  await restore();
  const found = session();
  if (found === undefined) return;
  try {
    const signedIn = (await send("GET", "/v1/sign-in/session", { signed: true })) as SignedIn;
    await adopt({ ...found, signedIn });
  } catch {
    // Where the node says that it is over, it was dropped; where no answer came, it may go on.
  }
}
