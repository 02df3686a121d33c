/**
 * A made-up patient, a made-up pharmacy, and a chain of their own: what the node would answer about
 * them is answered here. Whatever names one of them never leaves the browser.
 */
import type { Inside } from "../../../api";
import type { Language } from "../../../language";
import type { Who } from "../../../who";
import type { Disclosure, Known, PersonGrant } from "../../patient/reading";
import type { CourseName } from "../courses";
import type { Done } from "./desk";
import { type PackName, packOf, packs } from "./packs";
import { recorded } from "./papers";
import person from "./person.json";
import { Ward } from "./ward";
import ward from "./ward.json";

const DAY = 86_400_000;
const NOT_HERE = "portal.fault";

export type Happening = "noted" | "stopped" | "asked" | Done;
type Names = Readonly<Record<string, Readonly<Record<Language, string>>>>;

const NAMES: Names = person.names;
const KINDS: Readonly<Record<string, string>> = person.kinds;
const HOUSES = "/v1/identity/subjects?kind=organisation";
const STAFF: readonly string[] = [ward.clerk, ...ward.staff.map((each) => each.practitioner)];
const MADE_UP = [HOUSES, person.person, ...Object.keys(person.names), ...STAFF];

/** Who practises is shown to the pages as this patient. */
export const LEARNER: Who = {
  subject: person.person,
  organisation: person.organisation,
  kind: "person",
  roles: ["patient"],
  level: 2,
};

/** Who practises a doctor's work, and who practises that of the desk. */
const CLERK: Who = { ...LEARNER, subject: ward.clerk, kind: "agent", roles: ["desk"] };
const DOCTOR: Who = { ...LEARNER, subject: ward.doctor, kind: "practitioner", roles: ["doctor"] };

export function learnerOf(course: CourseName): Who {
  return course === "doctor" ? DOCTOR : course === "desk" ? CLERK : LEARNER;
}

const ANYBODY = { practitioner: null, role: null, records: null } as const;
const NOTHING = { team: [], denied: [], redact: [], conditions: [] };

export class World {
  /** Organisations by name, other than the learner's own. */
  readonly clinic = Object.keys(KINDS).find((id) => KINDS[id] === "clinic") ?? "";
  readonly ward: Ward;
  private readonly stopped = new Set<string>();
  private readonly listeners = new Set<(what: Happening) => void>();
  private readonly language: Language;
  private readonly now: number;

  constructor(language: Language, now: number) {
    this.language = language;
    this.now = now;
    const { organisation } = person;
    const happened = (what: Done): void => { this.happened(what, undefined); };
    this.ward = new Ward({ organisation, clinic: this.clinic, language, now, happened });
  }

  listen(listener: (what: Happening) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  nameOf(id: string): string {
    return NAMES[id]?.[this.language] ?? "";
  }

  grants(): PersonGrant[] {
    return person.grants.map(({ grant, grantee, categories, purposes, ...days }) => {
      const starts = this.now + days.starts_days * DAY;
      const ends = this.now + days.ends_days * DAY;
      const terms = {
        ...ANYBODY, ...NOTHING, format: "yilian-terms/2" as const,
        grantee, categories, purposes, starts, ends, sensitivities: ["normal"],
      };
      const over = this.stopped.has(grant);
      return {
        grant, starts, ends, terms,
        status: over ? "revoked" : "standing",
        since: 1, revoked: over ? recorded("stopped").height : null, version: 1, by: null, countersigned: null,
      };
    });
  }

  known(): Known[] {
    return person.records.map(({ record, category, sensitivity, months_ago: ago }) => ({
      record, category, sensitivity,
      month: new Date(this.now - ago * 30 * DAY).toISOString().slice(0, 7),
      kind: "fhir", author: null, replaces: null, status: "kept",
    }));
  }

  disclosures(): Disclosure[] {
    return person.disclosures.map(({ days_ago: ago, reader, ...line }) => ({
      ...line,
      time: this.now - ago * DAY,
      reader: { ...reader, kind: "practitioner", organisation_name: this.nameOf(reader.organisation) },
      on_behalf_of: null, basis: "grant", session: null, anchored: true, replica: null,
    }));
  }

  /** Answers what names somebody or something that is made up. */
  readonly answer: Inside = (method, where, body) => {
    const code = packOf(where, body);
    const named = MADE_UP.some((id) => where.includes(id));
    if (!named && code === undefined) return undefined;
    const found = this.found(method, where, code, body);
    if (found !== undefined) return Response.json(found);
    const headers = { "content-type": "application/problem+json" };
    return new Response(JSON.stringify({ code: NOT_HERE }), { status: 404, headers });
  };

  private found(method: string, where: string, code: PackName | undefined, body: unknown): unknown {
    const [path = ""] = where.split("?");
    const own = method === "GET" ? this.read(where, code) : this.write(where, code, body);
    return own ?? (path.includes(person.organisation) ? this.ward.answer(method, path, body) : undefined);
  }

  private read(where: string, code: PackName | undefined): unknown {
    const [path = ""] = where.split("?");
    if (where.startsWith(HOUSES)) return { items: Object.keys(KINDS).map((id) => ({ id, ended: null })) };
    if (path.endsWith("/proof")) return { proof: null, anchored: recorded("noted") };
    if (!path.includes(person.person) && !path.includes("/identity/")) return this.pack(code);
    if (path.endsWith("/grants")) return { person: person.person, grants: this.grants() };
    if (path.endsWith("/records")) return { person: person.person, records: [], entries: this.known() };
    if (path.endsWith("/disclosures")) {
      return { person: person.person, disclosures: this.disclosures().reverse() };
    }
    if (path.includes("/identity/subjects/")) return this.subject(path.split("/").at(-1) ?? "");
    return this.pack(code);
  }

  private pack(code: PackName | undefined): unknown {
    return code === undefined ? undefined : packs[code].answers[this.language];
  }

  private subject(id: string): unknown {
    const since = 1;
    const own = { kind: "person", organisation: person.organisation, since, custody: true };
    const house = {
      kind: "organisation", organisation_kind: KINDS[id], organisation: id, since, name: this.nameOf(id),
    };
    const staff = { kind: "practitioner", organisation: person.organisation, since };
    const value = id === person.person ? own : STAFF.includes(id) ? staff : house;
    return { id, height: recorded("noted").height, value };
  }

  private write(where: string, code: PackName | undefined, body: unknown): unknown {
    if (where.endsWith("/revocations")) {
      const { grant } = body as { grant: string };
      this.stopped.add(grant);
      return this.happened("stopped", { grant, ...recorded("stopped") });
    }
    if (where.endsWith("/notes")) return this.happened("noted", recorded("noted"));
    if (!where.endsWith("/supply/verifications") || code === undefined) return undefined;
    const { concern, reason, words } = packs[code];
    const { gtin, serial, product } = packs[code].answers[this.language];
    const said = { ...words[this.language], concern, reason, verified: concern === "none" };
    const kept = { check: "", recall: null, responder: "", receipt: "", at: this.now };
    return this.happened("asked", { ...said, ...kept, gtin, serial, product });
  }

  private happened<T>(what: Happening, answer: T): T {
    for (const each of this.listeners) each(what);
    return answer;
  }
}
