/** A made-up ward and its registration desk: what the node would answer about them. */
import type { AnswerOf } from "../../../api";
import { newId, toText } from "../../../sign";
import type { Language } from "../../../language";
import { type Body, Desk, type Done, done } from "./desk";
import { recorded } from "./papers";
import written from "./ward.json";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

export type PersonName = keyof typeof written.people;
export type RecordName = keyof typeof written.records;
type House<P extends string> = `/v1/organisations/{organisation}/${P}`;
type Attended = AnswerOf<House<"encounters">>["persons"][number];
export type TimelineEntry = AnswerOf<House<"persons/{person}/timeline">>["entries"][number];
export type Received = AnswerOf<House<"grants">>["grants"][number];
export type Access = AnswerOf<House<"emergencies">>["accesses"][number];
type Finding = "justified" | "unjustified";

interface Told {
  readonly organisation: string;
  readonly clinic: string;
  readonly language: Language;
  readonly now: number;
  readonly happened: (what: Done) => void;
}

const PRESSING: readonly string[] = ["life_threatening", "unable_to_consent"];

export class Ward {
  private readonly told: Told;
  private readonly desk: Desk;
  private finding: Finding | null = null;
  private corrected = false;
  private fits = true;

  constructor(told: Told) {
    this.told = told;
    this.desk = new Desk(told.language, told.now, told.happened);
  }

  person(name: PersonName): { id: string; name: string; born: string; number: string } {
    const found = written.people[name];
    return { ...found, name: found.name[this.told.language] };
  }

  staff(): { practitioner: string; name: string; role: string; teams: string[] }[] {
    return written.staff.map((each) => ({ ...each, name: each.name[this.told.language], teams: [] }));
  }

  waiting(): Attended[] {
    const names: readonly PersonName[] = ["wang", "namesake", "zhao"];
    return names.map((each, at) => {
      const { id, name, born } = this.person(each);
      const relation = this.relation([written.doctor], (40 - 15 * at) * MINUTE);
      return { person: id, name, born, provisional: false, relation };
    });
  }

  entries(): TimelineEntry[] {
    const own: readonly RecordName[] = ["penicillin", "diabetes", "metformin", "weight"];
    const after = this.corrected ? this.entry("weight again") : undefined;
    return [
      ...own.map((each) => this.entry(each, each === "weight" ? after?.sources[0]?.record : undefined)),
      ...(after === undefined ? [] : [after]),
    ];
  }

  grants(): Received[] {
    return [
      {
        grant: this.person("wang").id, holder: this.told.clinic, person: this.person("wang").id,
        categories: ["medication", "problem"], purposes: ["treat"], role: null, conditions: [],
        ends: this.told.now + 20 * 24 * HOUR, named: true,
      },
    ];
  }

  accesses(): Access[] {
    const { organisation, clinic, now } = this.told;
    const made = (whose: keyof typeof written.accesses, reader: string, ago: number): Access => {
      const finding = whose === "own" ? null : this.finding;
      return {
        access: written.accesses[whose], person: this.person("zhao").id, holder: clinic, organisation, reader,
        reason: whose === "own" ? "unable_to_consent" : "other", text: written.reasons[whose][this.told.language],
        place: null, time: now - ago, ends: now - ago + HOUR, status: "ended", finding,
        reviewer: finding === null ? null : written.doctor, review: null, anchored: true, outage: false,
      };
    };
    const colleague = written.staff.at(-1)?.practitioner ?? "";
    return [made("colleague", colleague, 20 * HOUR), made("own", written.doctor, 30 * HOUR)];
  }

  /** Told when something was signed in practice. */
  signed(type: string): void {
    if (type !== "consent.ReviewBreakGlass") return;
    const fits = this.finding === "unjustified";
    if (!fits) this.finding = null;
    this.told.happened(fits ? "judged" : "otherwise");
  }

  /** Answers what is asked below the practice hospital's address; undefined for all else. */
  answer(method: string, path: string, body: unknown): unknown {
    const [, , , , room = "", second = "", third = ""] = path.split("/");
    if (method === "GET") return this.read(room, second, third);
    if (room === "records") return this.correct(body);
    return this.write([room, third === "" ? second : third].join("/"), second, body as Body | undefined);
  }

  private read(room: string, second: string, third: string): unknown {
    if (room === "encounters") return { persons: this.waiting() };
    if (room === "emergencies") return { accesses: this.accesses() };
    if (room === "grants") return { grants: this.grants() };
    if (room === "staff") return { staff: this.staff() };
    if (room !== "persons") return undefined;
    if (third === "timeline") return { person: second, entries: this.entries(), sources: [], refused: [] };
    if (third === "relations") {
      const relations = this.desk.teams(second).map((team) => this.relation(team, 0));
      return { person: second, relations };
    }
    return third === "" ? this.known(second) : undefined;
  }

  private known(id: string): unknown {
    const names = Object.keys(written.people) as PersonName[];
    const found = names.map((each) => this.person(each)).find((each) => each.id === id);
    if (found === undefined) return undefined;
    const contacts = { webhook: null, email: null, phone: "+8613800138000", wechat: null };
    return { person: id, name: found.name, born: found.born, language: this.told.language, provisional: false, contacts };
  }

  private write(what: string, second: string, body: Body | undefined): unknown {
    const prepared = { terms: toText(crypto.getRandomValues(new Uint8Array(32))), ends: this.told.now + HOUR };
    switch (what) {
      case "sessions/":
        return { session: newId(), ...prepared };
      case "sessions/read":
        return done(this.told.happened, "read", { session: second, ...this.opened("warfarin", "fibrillation"), replica: null, as_of: null });
      case "asks/":
        this.fits = this.isWhatWasWanted(body, ["imaging"]) && body?.["reason"] === "referral" && body["days"] === 30;
        return { ask: newId(), ...prepared };
      case "asks/deliver":
        return done(this.told.happened, this.fits ? "asked_person" : "otherwise", { ask: second, delivered: true });
      case "emergencies/":
        this.fits = this.isWhatWasWanted(body) && PRESSING.includes(String(body?.["reason"]));
        return { access: newId(), ...prepared, finality: true };
      case "emergencies/read":
        return done(this.told.happened, this.fits ? "read" : "otherwise", {
          access: second, ...this.opened("warfarin", "fibrillation"), refused: [], alone: false, anchored: true,
        });
      case "emergencies/review":
        this.finding = body?.["finding"] as Finding;
        return { access: second, finding: this.finding, reasons: prepared.terms };
      default:
        return this.desk.answer(what, body);
    }
  }

  private correct(body: unknown): unknown {
    const text = new TextDecoder().decode(body as Uint8Array<ArrayBuffer>);
    const fits = /"value": ?82(\.0)?[,}\s]/.test(text);
    this.corrected = fits;
    const answer = { record: newId(), batch: newId(), replaces: null, ...recorded("noted") };
    return done(this.told.happened, fits ? "corrected" : "otherwise", answer);
  }

  /** Whether it is about the right person at the right place, and asks for no more than is needed. */
  private isWhatWasWanted(body: Body | undefined, categories?: readonly string[]): boolean {
    const { number } = written.people.zhao;
    if (body?.["holder"] !== this.told.clinic || body["number"] !== number) return false;
    return categories === undefined || JSON.stringify(body["categories"]) === JSON.stringify(categories);
  }

  private opened(...names: RecordName[]): object {
    const records = names.map((each) => {
      const { record, content } = written.records[each][this.told.language];
      return { record, content, encoding: "utf-8", media_type: "application/fhir+json", redacted: [] };
    });
    return { records, refused: [{ record: newId(), reasons: ["sensitivity_not_granted"] }] };
  }

  private entry(name: RecordName, replaced?: string): TimelineEntry {
    const { record, type, day, display, value, content, proof } = written.records[name][this.told.language];
    return {
      type, status: null, codes: [], display, value, content, conflicts: [],
      time: { element: "effectiveDateTime", text: day, end: null, low: null, high: null },
      media_type: "application/fhir+json",
      sources: [
        {
          organisation: this.told.organisation, record, session: null, redacted: [],
          proof: proof as NonNullable<TimelineEntry["sources"][number]["proof"]>,
          replaced: replaced ?? null,
        },
      ],
    };
  }

  private relation(team: string[], ago: number): Attended["relation"] {
    return {
      kind: "encounter", relation: newId(), status: "open", stands: true, to: null, reason: null, ends: null,
      organisation: this.told.organisation, team, opened: this.told.now - ago,
    };
  }
}
