/** Brings a kept session back when the portal starts, and asks the node whether it still stands. */
import { refresh, restore } from "./session";

export function start(): void {
  void restore().then(refresh);
}
