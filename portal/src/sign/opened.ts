/**
 * A grant's terms, opened: who, what, why and how long, held against the commitment in the bytes.
 *
 * The bytes of a grant say what it opens only by a salted commitment. Whoever knows terms and salt
 * can work it out again; where it differs, nothing is said and nothing is signed.
 */

import { readBody, type Message } from "./body";
import { join, sha256, toBytes, toText, utf8 } from "./bytes";
import { encode, isObject, type Json, type JsonObject } from "./canonical";
import { REGISTRY, checkFields } from "./registry";
import { refuse } from "./refusal";
import { exactMoment, visible, type Speech } from "./speech";
import type { Detail } from "./sentence";
import { fill, say, type Words } from "./words";

/** Terms as `grants/prepare` gives them (docs/formats/vault.md), with the salt behind them. */
export interface Opened {
  terms: unknown;
  salt: string;
}

/** A grant in words: one sentence, what narrows it, and every term in full. */
export interface OpenedSaid {
  sentence: string;
  lines: string[];
  details: Detail[];
}

interface Terms {
  grantee: string;
  practitioner: string | null;
  team: string[];
  role: string | null;
  categories: string[];
  sensitivities: string[];
  denied: string[];
  redact: string[];
  purposes: string[];
  starts: number;
  ends: number;
  conditions: string[];
  records: string[] | null;
}

const DOMAIN = utf8("yilian/commitment/terms/1");
const REPLICA = "replica";

/** Work out the commitment of terms: SHA-256(domain | 0x00 | salt | SHA-256(terms)). */
export async function termsCommitment(terms: unknown, salt: string): Promise<string> {
  const bytes = toBytes(salt);
  if (bytes.length !== 32) throw refuse("opened_differs");
  const inner = await sha256(encode(readTerms(terms) as unknown as Json));
  return toText(await sha256(join(DOMAIN, Uint8Array.of(0), bytes, inner)));
}

/**
 * Say what a grant in these bytes opens. `index` is the message's place in the body.
 *
 * Refuses `opened_differs` unless the commitment and the period in the bytes are those of `opened`.
 */
export async function openedSentence(
  opened: Opened, bytes: Uint8Array, speech: Speech, own: Words, index = 0,
): Promise<OpenedSaid> {
  const message = readBody(bytes).messages[index];
  if (message === undefined || !isGrant(message)) throw refuse("opened_differs");
  const terms = readTerms(opened.terms);
  const fits = (await termsCommitment(opened.terms, opened.salt)) === message["terms"];
  if (!fits || terms.starts !== message["starts"] || terms.ends !== message["ends"]) {
    throw refuse("opened_differs");
  }
  return {
    sentence: fill(say(own, "opened", manner(terms)), places(terms, speech)),
    lines: lines(terms, speech, own),
    details: details(terms, own),
  };
}

/** Tell whether a message commits to terms of a grant. */
export function isGrant(message: Message): boolean {
  return message.type === "consent.Grant" || message.type === "consent.Change";
}

function readTerms(value: unknown): Terms {
  const { tag, fields } = REGISTRY.terms;
  const found = value as Json;
  if (!isObject(found) || found["format"] !== tag) throw refuse("opened_differs");
  try {
    checkFields(found, fields, "terms", ["format"], true);
  } catch {
    throw refuse("opened_differs");
  }
  const terms = found as unknown as Terms;
  const lists = Object.values(found).filter((each) => Array.isArray(each)) as string[][];
  const sorted = lists.every((each) => each.every((two, at) => at === 0 || (each[at - 1] ?? "") < two));
  if (!sorted || terms.starts >= terms.ends) throw refuse("opened_differs");
  if (terms.categories.length === 0 && terms.records === null) throw refuse("opened_differs");
  return terms;
}

/** Choose the sentence: whole ones for each case, since none is built from pieces. */
function manner(terms: Terms): string {
  const what = terms.records === null ? "categories" : "records";
  if (terms.purposes.includes(REPLICA)) return `replica_${what}`;
  const named = terms.practitioner !== null || terms.team.length > 0;
  const who = named ? (terms.role === null ? "named" : "named_role") : (terms.role === null ? "anybody" : "role");
  return `${who}_${what}`;
}

function places(terms: Terms, speech: Speech): Record<string, string> {
  const words = (field: string, list: string[]): string =>
    speech.list(list.map((each) => speech.choice(`terms.${field}`, each)));
  const readers = terms.practitioner === null ? terms.team : [terms.practitioner, ...terms.team];
  return {
    grantee: speech.mark(terms.grantee),
    readers: speech.list([...new Set(readers)].map(speech.mark)),
    role: terms.role === null ? "" : speech.choice("terms.role", terms.role),
    categories: words("categories", terms.categories),
    records: speech.list((terms.records ?? []).map(speech.mark)),
    purposes: words("purposes", terms.purposes),
    starts: speech.moment(terms.starts),
    ends: speech.moment(terms.ends),
  };
}

/** Where the words of a field's values stand. */
const WORDS = {
  sensitivities: "terms.sensitivities", denied: "terms.categories", redact: "terms.sensitivities",
};

function lines(terms: Terms, speech: Speech, own: Words): string[] {
  const made: string[] = [];
  const add = (key: string, field: "sensitivities" | "denied" | "redact"): void => {
    if (terms[field].length === 0) return;
    const found = terms[field].map((each) => speech.choice(WORDS[field], each));
    made.push(fill(say(own, "opened", key), { words: speech.list(found) }));
  };
  if (terms.records === null) add("sensitivities", "sensitivities");
  add("denied", "denied");
  add("redact", "redact");
  for (const each of terms.conditions) made.push(condition(each, own));
  made.push(say(own, "opened", "rest"));
  return made;
}

// The grammar of `vault/conditions.py`; what is not in it is met never, and said so.
const HOURS = /^hours:((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d)([+-]\d\d:[0-5]\d)$/;
const DAYS = /^days:([a-z]{3})(?:-([a-z]{3}))?([+-]\d\d:[0-5]\d)$/;
const PLACE = /^place:([a-z][a-z0-9]*(?:[._-][a-z0-9]+)*)$/;
const WEEK = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

function condition(text: string, own: Words): string {
  const line = (key: string, values: Record<string, string>): string =>
    fill(say(own, "opened", "conditions", key), values);
  if (text === "encounter") return line("encounter", {});
  const hours = HOURS.exec(text);
  if (hours !== null && hours[1] !== hours[2] && isOffset(hours[3] ?? "")) {
    return line("hours", { from: hours[1] ?? "", to: hours[2] ?? "", offset: hours[3] ?? "" });
  }
  const days = DAYS.exec(text);
  const [first, last] = [days?.[1] ?? "", days?.[2] ?? days?.[1] ?? ""];
  if (days !== null && WEEK.includes(first) && WEEK.includes(last) && isOffset(days[3] ?? "")) {
    const [from, to] = [say(own, "days", first), say(own, "days", last)];
    return line(first === last ? "day" : "days", { from, to, offset: days[3] ?? "" });
  }
  const place = PLACE.exec(text)?.[1];
  if (place !== undefined) return line("place", { place });
  return line("other", { text });
}

/** Tell whether an offset from UTC is one that some place has: from -12:00 to +14:00. */
function isOffset(text: string): boolean {
  const minutes = Number(text.slice(1, 3)) * 60 + Number(text.slice(4));
  return minutes <= (text.startsWith("-") ? 12 : 14) * 60;
}

function details(terms: Terms, own: Words): Detail[] {
  return REGISTRY.terms.fields.map(({ name, kind }) => {
    const value = (terms as unknown as JsonObject)[name] ?? [];
    const listed = Array.isArray(value) ? value : [value];
    const written = listed
      .map((each) => (kind === "moment" ? exactMoment(each as number) : visible(each as string)))
      .join(" ");
    const label = say(own, "terms", name);
    return { place: `terms.${name}`, label, value: written || say(own, "none") };
  });
}
