/**
 * What may be done to a pack now. This is courtesy: the node judges every order by itself, by the
 * table in `gateway/supply/orders.py` that this one follows.
 */
import type { AnswerOf } from "../../api";

export type Unit = AnswerOf<"/v1/organisations/{organisation}/supply/units">["unit"];
export type Shipment =
  AnswerOf<"/v1/organisations/{organisation}/supply/shipments">["shipments"][number];

export const ACTIONS = [
  "receive",
  "dispense",
  "ship",
  "quarantine",
  "release",
  "restock",
  "send_back",
  "take_out",
] as const;
export type Action = (typeof ACTIONS)[number];

/** How a pack leaves the trade other than by being sold. */
export const ENDS = ["destroy", "report_lost", "report_stolen", "sample", "export", "decommission"] as const;

/** What can be done without an answer of the node: it is judged when the connection is back. */
export const UNSEEN: readonly Action[] = ["dispense", "quarantine"];

interface Judged {
  readonly unit: Unit;
  /** How events name our organisation: its id, and the numbers it trades under. */
  readonly ours: readonly string[];
  /** Today where the person is, as `2031-03-31`. */
  readonly today: string;
  readonly shipments: readonly Shipment[];
}

const SALE = ["active", "partially_dispensed"];
const BACK = [...SALE, "returned", "quarantined", "recalled"];

/** The shipment by which a case, or a pack in none, comes in: once its titles were checked. */
export function shipmentOf(unit: Unit, shipments: readonly Shipment[]): Shipment | undefined {
  return shipments.find(
    (each) => each.checked && each.fault === "" && each.outermost.includes(unit.unit),
  );
}

export function allowed({ unit, ours, today, shipments }: Judged): Action[] {
  const is = (...standings: readonly string[]): boolean => standings.includes(unit.standing);
  const mine = ours.includes(unit.holder);
  const loose = unit.parent === null;
  const sound = unit.expiry === "" || unit.expiry >= today;
  const coming = is("in_transit") && loose && shipmentOf(unit, shipments) !== undefined;
  const may: Record<Action, boolean> = {
    receive: coming,
    dispense: mine && loose && sound && is(...SALE),
    ship: mine && loose && sound && is("active"),
    quarantine: mine && is(...SALE, "returned", "lost"),
    release: mine && sound && is("quarantined", "lost"),
    restock: mine && sound && is("returned"),
    send_back: mine && loose && is("returned", "quarantined", "recalled"),
    take_out: mine && loose && is(...BACK, "lost"),
  };
  return ACTIONS.filter((each) => may[each]);
}
