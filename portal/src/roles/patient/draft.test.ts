import { expect, test } from "vitest";

import { answering, closed, EMPTY, kinds, requestOf, sensitive } from "./draft";
import { folded, lastRead } from "./looking";
import type { Ask, Disclosure, Known } from "./reading";

const known = [
  { record: "a", category: "laboratory", sensitivity: "normal", month: "2025-11" },
  { record: "b", category: "laboratory", sensitivity: "hiv", month: "2026-02" },
  { record: "c", category: "medication", sensitivity: "normal", month: "2026-01" },
] as Known[];

test("kinds are counted, with the month of the newest", () => {
  expect(kinds(known)).toEqual([
    { category: "laboratory", count: 2, newest: "2026-02" },
    { category: "medication", count: 1, newest: "2026-01" },
  ]);
});

test("what is sensitive stays closed until it is named", () => {
  expect([...sensitive(known)]).toEqual([["hiv", 1]]);
  const draft = { ...EMPTY, categories: ["laboratory"] };
  expect(closed(known, draft)).toBe(2);
  expect(closed(known, { ...draft, sensitivities: ["hiv"] })).toBe(1);
  expect(requestOf(draft, "p", 1).sensitivities).toEqual(["normal"]);
});

test("nothing is chosen beforehand", () => {
  expect(EMPTY).toMatchObject({ categories: [], sensitivities: [], purpose: undefined, inside: undefined });
});

test("a visit is a condition, not an end alone", () => {
  const made = requestOf({ ...EMPTY, lasts: "visit", purpose: "treat" }, "p", 1_000.4);
  expect(made).toMatchObject({ conditions: ["encounter"], starts: 1000, ends: 1000 + 30 * 86_400_000 });
});

test("an answer is for who asked, and opens nothing by itself", () => {
  const ask = { ask: "q", asker: "doctor", organisation: "there", categories: ["laboratory"] } as unknown as Ask;
  const draft = answering(ask);
  expect(draft.categories).toEqual([]);
  expect(requestOf(draft, "p", 0)).toMatchObject({ practitioner: "doctor", grantee: "there", ask: "q", role: null });
});

const line = (more: object): Disclosure =>
  ({ outcome: "permit", time: 1, grant: null, on_behalf_of: null, basis: "grant", ...more }) as Disclosure;

test("programs are folded, emergencies and the unknown never", () => {
  const found = [
    line({ reader: { id: "me", kind: "person" } }),
    line({ reader: { id: "robot", kind: "agent" } }),
    line({ reader: { id: "robot", kind: "agent" }, basis: "emergency" }),
    line({ reader: { id: "who", kind: null } }),
    line({ reader: { id: "doctor", kind: "practitioner" } }),
  ];
  const sorted = folded(found, "me");
  expect(sorted.people.map((each) => each.reader.id)).toEqual(["robot", "who", "doctor"]);
  expect(sorted.machines).toHaveLength(1);
  expect(sorted.own).toHaveLength(1);
});

test("a refused try is no reading", () => {
  const tried = line({ grant: "g", time: 9, outcome: "deny" });
  expect(lastRead("g", [tried])).toBeUndefined();
  expect(lastRead("g", [tried, line({ grant: "g", time: 4 }), line({ grant: "g", time: 5 })])).toBe(5);
});
