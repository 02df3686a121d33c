import { describe, expect, test } from "vitest";

import { makeBody } from "./body";
import { newId, type Bytes } from "./bytes";
import type { Json, JsonObject } from "./canonical";
import { openedSentence, termsCommitment, type OpenedSaid } from "./opened";
import { preparedGrant } from "./prepared";
import { SignRefusal } from "./refusal";
import { plainSpeech } from "./speech";
import { SIGNING } from "./vectors";
import { load, type Language } from "./words";

const [NARROW, FULL] = SIGNING.terms as [(typeof SIGNING.terms)[0], (typeof SIGNING.terms)[0]];

async function grantOf(terms: unknown, salt: string): Promise<Bytes> {
  const { starts, ends } = terms as { starts: number; ends: number };
  return granting(await termsCommitment(terms, salt), starts, ends);
}

function granting(commitment: string, starts: number, ends: number): Bytes {
  const message = { type: "consent.Grant", grant: newId(), terms: commitment, starts, ends };
  const [sender, payer] = [newId(), newId()];
  return makeBody({ chain: "test", sender, payer, signers: [newId()], messages: [message], now: 0 });
}

async function said(terms: unknown, salt: string, bytes: Bytes, language: Language): Promise<OpenedSaid> {
  const own = (await load(language, []))("portal_sign");
  const speech = plainSpeech(language, own, { timeZone: "Asia/Shanghai" });
  return openedSentence({ terms, salt }, bytes, speech, own);
}

test.each(SIGNING.terms)("a commitment is the vault's", async (each) => {
  expect(await termsCommitment(each.terms, each.salt)).toBe(each.commitment);
});

test("a narrow grant in both languages", async () => {
  const bytes = await grantOf(NARROW.terms, NARROW.salt);
  const english = await said(NARROW.terms, NARROW.salt, bytes, "en");
  expect(english.sentence).toMatch(
    /^Allow anybody who works at \S+ to read: laboratory results\. What for: treatment\. From January 1, 2026 at 08:00 GMT\+8 until January 1, 2026 at 08:00:00 GMT\+8\.$/,
  );
  expect(english.lines).toEqual([
    "Levels of protection that are opened: not specially protected.", "Everything else stays closed.",
  ]);
  const chinese = await said(NARROW.terms, NARROW.salt, bytes, "zh-CN");
  expect(chinese.sentence).toMatch(/^允许\S+的任何工作人员查阅：检验结果。用途：诊疗。自 2026年1月1日/);
});

test("conditions, closed categories and readers are said", async () => {
  const bytes = await grantOf(FULL.terms, FULL.salt);
  const { sentence, lines } = await said(FULL.terms, FULL.salt, bytes, "zh-CN");
  expect(sentence).toContain("仅允许");
  expect(sentence).toContain("身份：医师");
  expect(lines).toContain("以下内容不开放：费用与保险。");
  expect(lines).toContain("交出之前先去除：精神心理。");
  expect(lines).toContain("仅限每天 08:00 至 18:00（UTC+08:00）。");
});

test.each(["encounter", "days:mon-fri+08:00", "days:sun-08:00", "place:ward-3", "moon:full"])(
  "the condition %s is said in both languages", async (condition) => {
    const terms = { ...NARROW.terms, conditions: [condition] };
    for (const language of ["en", "zh-CN"] as const) {
      const { lines } = await said(terms, NARROW.salt, await grantOf(terms, NARROW.salt), language);
      expect(lines).toHaveLength(3);
      expect(lines[1]).not.toContain("{");
    }
  },
);

test.each(["hours:08:00-08:00+08:00", "hours:24:00-08:00+08:00", "hours:08:00-18:00+15:00", "days:mon-xyz+08:00", "days:mon-13:00", "place:Ward"])(
  "the condition %s is none that anybody can meet, and said so", async (condition) => {
    const terms = { ...NARROW.terms, conditions: [condition] };
    const { lines } = await said(terms, NARROW.salt, await grantOf(terms, NARROW.salt), "en");
    expect(lines[1]).toBe(`A condition that this page does not know, and that nobody can meet: ${condition}.`);
  },
);

describe("terms that are not those in the bytes are refused", () => {
  test.each(Object.keys(FULL.terms))("%s differs", async (name) => {
    const bytes = await grantOf(FULL.terms, FULL.salt);
    for (const other of others(FULL.terms[name] ?? null)) {
      const terms = { ...FULL.terms, [name]: other };
      await expect(said(terms, FULL.salt, bytes, "en")).rejects.toThrow(SignRefusal);
    }
    const less = Object.fromEntries(Object.entries(FULL.terms).filter(([each]) => each !== name));
    await expect(said(less, FULL.salt, bytes, "en")).rejects.toThrow(SignRefusal);
  });

  test("another salt, another period, another message, something more", async () => {
    const bytes = await grantOf(FULL.terms, FULL.salt);
    await expect(said(FULL.terms, newId(), bytes, "en")).rejects.toThrow("opened_differs");
    await expect(said({ ...FULL.terms, zzz: 1 }, FULL.salt, bytes, "en")).rejects.toThrow("opened_differs");
    const { starts, ends } = FULL.terms as { starts: number; ends: number };
    const longer = granting(FULL.commitment, starts, ends + 1);
    await expect(said(FULL.terms, FULL.salt, longer, "en")).rejects.toThrow("opened_differs");
    const [sender, payer] = [newId(), newId()];
    const messages = [{ type: "consent.Revoke", grant: newId() }];
    const revoke = makeBody({ chain: "test", sender, payer, signers: [newId()], messages, now: 0 });
    await expect(said(FULL.terms, FULL.salt, revoke, "en")).rejects.toThrow("opened_differs");
  });
});

test("each term shows in the sentence, a line or the details", async () => {
  const seen = async (terms: unknown): Promise<string> =>
    JSON.stringify(await said(terms, FULL.salt, await grantOf(terms, FULL.salt), "zh-CN"));
  const before = await seen(FULL.terms);
  for (const [name, value] of Object.entries(FULL.terms)) {
    if (name === "format") continue;
    for (const other of others(value)) {
      const after = await seen({ ...FULL.terms, [name]: other }).catch(() => "refused");
      expect(after, `${name} -> ${JSON.stringify(other)}`).not.toBe(before);
    }
  }
});

describe("what was prepared is what was asked for", () => {
  const asked: JsonObject = { person: newId(), grantee: NARROW.terms["grantee"] ?? "", categories: ["laboratory"], ends: NARROW.terms["ends"] ?? 0 };
  const prepared = {
    grant: newId(), terms: NARROW.terms, salt: NARROW.salt, commitment: NARROW.commitment,
    starts: NARROW.terms["starts"], ends: NARROW.terms["ends"], version: 1,
  } as JsonObject;

  test("and then gives the message and its terms", async () => {
    const { message, opened } = await preparedGrant(prepared, asked);
    expect(message).toEqual({
      type: "consent.Grant", grant: prepared["grant"], terms: NARROW.commitment,
      starts: NARROW.terms["starts"], ends: NARROW.terms["ends"],
    });
    expect(opened).toEqual({ terms: NARROW.terms, salt: NARROW.salt });
    const change = await preparedGrant({ ...prepared, version: 2 }, { ...asked, grant: prepared["grant"] ?? "" });
    expect(change.message.type).toBe("consent.Change");
  });

  test.each<[string, JsonObject, JsonObject]>([
    ["another grantee", {}, { grantee: newId() }],
    ["more categories", {}, { categories: [] }],
    ["another purpose", {}, { purposes: ["pay"] }],
    ["another end", {}, { ends: 5 }],
    ["other days", {}, { ends: null, days: 7 }],
    ["a new version of no grant", { version: 2 }, {}],
    ["a new grant for a change", {}, { grant: newId() }],
    ["another commitment", { commitment: FULL.commitment }, {}],
    ["another start", { starts: 1 }, {}],
    ["a person where anybody was asked", { terms: { ...NARROW.terms, practitioner: newId() } }, {}],
  ])("%s is refused", async (_, made, wanted) => {
    await expect(preparedGrant({ ...prepared, ...made }, { ...asked, ...wanted })).rejects.toThrow("opened_differs");
  });
});

function others(value: Json): Json[] {
  return candidates(value).filter((each) => JSON.stringify(each) !== JSON.stringify(value));
}

function candidates(value: Json): Json[] {
  if (Array.isArray(value)) return [[], value.slice(1), [...value, "zzz"], [...value].reverse().concat("a"), null];
  if (typeof value === "number") return [value - 1, value + 1, String(value), null];
  if (typeof value === "string") return [`${value.slice(0, -1)}Q`, `${value}x`, null, "", 1];
  return [1, "x"];
}
