/**
 * A made-up patient, a made-up pharmacy, and a chain of their own: what the node would answer about
 * them is answered here. Whatever names one of them never leaves the browser.
 */
import type { Inside } from "../../../api";
import type { Language } from "../../../language";
import type { Source } from "../../../proof";
import type { Who } from "../../../who";
import type { Disclosure, Known, PersonGrant } from "../../patient/reading";
import chain from "./chain.json";
import { type PackName, packOf, packs } from "./packs";
import person from "./person.json";

const DAY = 86_400_000;
const NOT_HERE = "portal.fault";

export type Happening = "noted" | "stopped" | "asked";
type Receipts = Readonly<Record<string, unknown>>;
type Names = Readonly<Record<string, Readonly<Record<Language, string>>>>;

const NAMES: Names = person.names;
const RECEIPTS: Receipts = chain.receipts;

/** Who practises is shown to the pages as this patient. */
export const LEARNER: Who = {
  subject: person.person,
  organisation: person.organisation,
  kind: "person",
  roles: ["patient"],
  level: 2,
};

/** Papers of the made-up chain, held against its own validators. */
export const PAPERS: Source = {
  name: "practice",
  load: (path) => {
    const receipt = RECEIPTS[path.split("/")[3] ?? ""];
    if (receipt === undefined) return Promise.reject(new Error(`no paper at ${path}`));
    return Promise.resolve(new TextEncoder().encode(JSON.stringify(receipt)));
  },
  store: {
    get: () =>
      Promise.resolve({
        file: chain.trust,
        source: "first contact",
        since: 0,
        compared: null,
        reached: [],
      }),
    put: () => Promise.resolve(),
    remove: () => Promise.resolve(),
  },
};

/** Where the made-up chain has something. */
export function recorded(name: keyof typeof chain.named): { transaction: string; height: number } {
  return { transaction: chain.named[name], height: chain.height };
}

const ANYBODY = { practitioner: null, role: null, records: null } as const;
const NOTHING = { team: [], denied: [], redact: [], conditions: [] };

export class World {
  /** Organisations by name, other than the learner's own. */
  readonly clinic = Object.keys(NAMES).find((id) => NAMES[id]?.en.includes("Clinic")) ?? "";
  private readonly stopped = new Set<string>();
  private readonly listeners = new Set<(what: Happening) => void>();
  private readonly language: Language;
  private readonly now: number;

  constructor(language: Language, now: number) {
    this.language = language;
    this.now = now;
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
        since: 1, revoked: over ? chain.height : null, version: 1, by: null, countersigned: null,
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
    const named = [...Object.keys(NAMES), person.person].some((id) => where.includes(id));
    if (!named && code === undefined) return undefined;
    const found = method === "GET" ? this.read(where, code) : this.write(where, code, body);
    if (found !== undefined) return Response.json(found);
    const headers = { "content-type": "application/problem+json" };
    return new Response(JSON.stringify({ code: NOT_HERE }), { status: 404, headers });
  };

  private read(where: string, code: PackName | undefined): unknown {
    const [path = ""] = where.split("?");
    if (path.endsWith("/grants")) return { person: person.person, grants: this.grants() };
    if (path.endsWith("/records")) return { person: person.person, records: [], entries: this.known() };
    if (path.endsWith("/disclosures")) {
      return { person: person.person, disclosures: this.disclosures().reverse() };
    }
    if (path.endsWith("/proof")) return { proof: null, anchored: recorded("noted") };
    if (path.includes("/identity/subjects/")) return this.subject(path.split("/").at(-1) ?? "");
    return code === undefined ? undefined : packs[code].answers[this.language];
  }

  private subject(id: string): unknown {
    const since = 1;
    const own = { kind: "person", organisation: person.organisation, since, custody: true };
    const house = { kind: "organisation", organisation: id, since, name: this.nameOf(id) };
    return { id, height: chain.height, value: id === person.person ? own : house };
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
