/** What a node prepared, held against what was asked for: `sdk/terms.py: check_terms` in the browser. */

import type { Message } from "./body";
import { isObject, type Json, type JsonObject } from "./canonical";
import { termsCommitment, type Opened } from "./opened";
import { refuse } from "./refusal";

const DAY = 86_400_000;

const NARROW: JsonObject = {
  categories: [],
  conditions: [],
  denied: [],
  practitioner: null,
  purposes: ["treat"],
  records: null,
  redact: [],
  role: null,
  sensitivities: ["normal"],
  team: [],
};

/**
 * Give the message to sign and its opened terms, from the answer of `grants/prepare`.
 *
 * `asked` is the body that was sent. Refuses `opened_differs` where the commitment is not of the
 * terms shown, or the terms are not those asked for.
 */
export async function preparedGrant(
  prepared: unknown, asked: JsonObject,
): Promise<{ message: Message; opened: Opened }> {
  const made = prepared as Json;
  if (!isObject(made) || !isObject(made["terms"]) || typeof made["salt"] !== "string") {
    throw refuse("opened_differs");
  }
  const { terms, salt, grant, starts, ends, commitment } = made;
  const fits = (await termsCommitment(terms, salt)) === commitment;
  if (!fits || !asAsked(made, terms, asked)) throw refuse("opened_differs");
  const type = asked["grant"] == null ? "consent.Grant" : "consent.Change";
  const message = { type, grant, terms: commitment, starts, ends } as Message;
  return { message, opened: { terms, salt } };
}

function asAsked(made: JsonObject, terms: JsonObject, asked: JsonObject): boolean {
  const same = Object.keys(NARROW).every(
    (name) => JSON.stringify(terms[name]) === JSON.stringify(said(asked, name)),
  );
  if (!same || terms["grantee"] !== asked["grantee"]) return false;
  if (terms["starts"] !== made["starts"] || terms["ends"] !== made["ends"]) return false;
  if (!inTime(terms, asked)) return false;
  const version = made["version"];
  if (asked["grant"] == null) return version === 1;
  return made["grant"] === asked["grant"] && typeof version === "number" && version > 1;
}

function said(asked: JsonObject, name: string): Json {
  const value = asked[name] ?? NARROW[name] ?? null;
  if (!Array.isArray(value)) return value;
  const sorted = [...new Set(value as string[])].sort();
  return name === "records" && sorted.length === 0 ? null : sorted;
}

function inTime(terms: JsonObject, asked: JsonObject): boolean {
  const [starts, ends] = [terms["starts"] as number, terms["ends"] as number];
  if (asked["starts"] != null && starts !== asked["starts"]) return false;
  if (asked["ends"] != null) return ends === asked["ends"];
  return ends - starts === ((asked["days"] as number | null | undefined) ?? 30) * DAY;
}
