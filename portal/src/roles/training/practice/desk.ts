/** The desk of the made-up ward: what the node would answer to whoever registers people there. */
import { newId } from "../../../sign";
import type { Language } from "../../../language";
import { recorded } from "./papers";
import written from "./ward.json";

const HOUR = 3_600_000;

export type Body = Readonly<Record<string, unknown>>;
/** What was done in practice; `otherwise` than the task says. */
export type Done =
  | "asked_person" | "corrected" | "enrolled" | "found" | "invited" | "judged" | "linked" | "otherwise"
  | "read" | "unlinked" | "visited" | "witnessed";

export const CARD = written.card;

/** Told to the lesson once the answer is there, as the chain would. */
export function done<T>(happened: (what: Done) => void, what: Done, answer: T): T {
  queueMicrotask(() => { happened(what); });
  return answer;
}

export class Desk {
  private readonly language: Language;
  private readonly now: number;
  private readonly happened: (what: Done) => void;
  private readonly visits: { person: string; team: string[] }[] = [];

  constructor(language: Language, now: number, happened: (what: Done) => void) {
    this.language = language;
    this.now = now;
    this.happened = happened;
  }

  /** Who treats somebody, visit by visit. */
  teams(person: string): string[][] {
    return this.visits.filter((each) => each.person === person).map((each) => each.team);
  }

  answer(what: string, body: Body | undefined): unknown {
    const { li, wang } = written.people;
    switch (what) {
      case "persons/look-up":
        return body?.["card"] === CARD ? done(this.happened, "found", { person: wang.id }) : undefined;
      case "persons/": {
        const same = body?.["number"] === li.number && body["born"] === li.born;
        const fits = same && body["name"] === li.name[this.language];
        return done(this.happened, fits ? "enrolled" : "otherwise", { person: li.id, ...recorded("enrolled") });
      }
      case "encounters/": {
        const { person, team } = body as unknown as { person: string; team: string[] };
        this.visits.push({ person, team });
        const fits = team.join() === written.doctor;
        const opened = { relation: newId(), terms: newId(), ends: null, ...recorded("visited") };
        return done(this.happened, fits ? "visited" : "otherwise", opened);
      }
      case "invitations/":
        return done(this.happened, "invited", this.invitation(String(body?.["subject"])));
      case "links/":
      case "links/end":
        return done(this.happened, what === "links/" ? "linked" : "unlinked", {
          link: newId(), commitment: newId(), ended: null,
          ...recorded(what === "links/" ? "linked" : "unlinked"),
        });
      case "persons/witnessed-consents":
        return done(this.happened, "witnessed", { evidence: newId(), commitment: newId(), ...recorded("witnessed") });
      default:
        return undefined;
    }
  }

  private invitation(subject: string): unknown {
    const times = { created: this.now, expires: this.now + HOUR, used: null, revoked: null };
    const invitation = { invitation: newId(), subject, name: null, by: written.clerk, renews: false, ...times };
    return { invitation, ...written.invitation };
  }
}
