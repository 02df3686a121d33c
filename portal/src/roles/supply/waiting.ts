/** Orders of a pharmacy or warehouse that wait to be sent. */
import { queue, type Waits } from "../../waiting";

export type { Outcome } from "../../waiting";

export type Order = Readonly<Record<string, unknown>> & { readonly key: string };

export interface Line extends Waits {
  readonly organisation: string;
  /** As the node names it. */
  readonly action: string;
  /** What was scanned, to show it. */
  readonly code: string;
  readonly order: Order;
}

export type Send<T> = (line: Line) => Promise<T>;

export const orders = queue<Line>("yilian-supply", {
  owner: (line) => line.organisation,
  key: (line) => line.order.key,
});
export const { carryOut, lines, onChange, sendWaiting, strike } = orders;
