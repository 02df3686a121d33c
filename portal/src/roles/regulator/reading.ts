/** What stands against the rules right now, as the chain has it. */
import { type AnswerOf, get } from "../../api";
import { session } from "../../session";
import { everyPage } from "../operator/reading";

export type AlertLine = AnswerOf<"/v1/supply/alerts">["items"][number];
export type RecallLine = AnswerOf<"/v1/supply/recalls">["items"][number];
export type EmergencyLine = AnswerOf<"/v1/consent/emergencies">["items"][number];
export type EventLine = AnswerOf<"/v1/events">["events"][number];

export interface Breaches {
  readonly alerts: readonly AlertLine[];
  readonly recalls: readonly RecallLine[];
  /** Emergency accesses that nobody has reviewed. */
  readonly emergencies: readonly EmergencyLine[];
  /** What consensus proved against validators. */
  readonly misdeeds: readonly EventLine[];
}

export const BREACHES = ["oversight", "now"];
const AT_ONCE = 100;
const PAGES = 20;
const MISBEHAVED = "governance.Misbehaved";

function typeOf(line: EventLine): string {
  return (line.event as { type: string }).type;
}

/** Events are listed from the oldest; governance has few, so all of them are gone through. */
async function misdeeds(signal: AbortSignal): Promise<EventLine[]> {
  const found: EventLine[] = [];
  let after: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const from = after === undefined ? {} : { after };
    const query = { capability: "governance" as const, limit: AT_ONCE, ...from };
    const answer = await get("/v1/events", { query, signal });
    found.push(...answer.events.filter((each) => typeOf(each) === MISBEHAVED));
    after = answer.next;
    if (answer.events.length < AT_ONCE) break;
  }
  return found.reverse();
}

export async function breaches(signal: AbortSignal): Promise<Breaches> {
  const now = Date.now() + (session()?.ahead ?? 0);
  const asked = (cursor: string | undefined): { limit: number; cursor?: string } => ({
    limit: AT_ONCE, ...(cursor === undefined ? {} : { cursor }),
  });
  const [alerts, recalls, emergencies, proved] = await Promise.all([
    everyPage((cursor) =>
      get("/v1/supply/alerts", { query: { status: "open", ...asked(cursor) }, signal })),
    everyPage((cursor) =>
      get("/v1/supply/recalls", { query: { status: "standing", ...asked(cursor) }, signal })),
    everyPage((cursor) =>
      get("/v1/consent/emergencies", { query: { finding: "waiting", ...asked(cursor) }, signal })),
    misdeeds(signal),
  ]);
  return {
    alerts,
    recalls: recalls.filter((each) => each.ends === null || now < each.ends),
    emergencies,
    misdeeds: proved,
  };
}
