import { describe, expect, test } from "vitest";

import { readBody, signedBytes } from "./body";
import { hex, sha256, utf8 } from "./bytes";
import { encode, type Json, type JsonObject } from "./canonical";
import { REGISTRY } from "./registry";
import { SignRefusal } from "./refusal";
import { sentence, type Said } from "./sentence";
import { exactSpeech, plainSpeech } from "./speech";
import { CASES } from "./vectors";
import type { Language } from "./words";

const LANGUAGES: Language[] = ["en", "zh-CN"];
const ZONE = "Asia/Shanghai";

function exactly(bytes: Uint8Array, language: Language): Promise<Said> {
  return sentence(bytes, language, () => exactSpeech(language));
}

function plainly(bytes: Uint8Array, language: Language): Promise<Said> {
  return sentence(bytes, language, (own) => plainSpeech(language, own, { timeZone: ZONE }));
}

/** All that a reader can see, sentences and opened details. */
function seen(said: Said): string {
  return JSON.stringify([said.sentences.map((each) => [each.text, each.details]), said.frame]);
}

/** What a reader sees of bytes, or the reason why they are not signed. */
async function shown(bytes: Uint8Array): Promise<string> {
  try {
    return seen(await plainly(bytes, "zh-CN"));
  } catch (error) {
    if (error instanceof SignRefusal) return "refused";
    throw error;
  }
}

describe("the sentence is the command line's, from the bytes alone", () => {
  test("every message of the registry has its vector", () => {
    const found = new Set(CASES.map((each) => each.message));
    expect([...found].sort()).toEqual(Object.keys(REGISTRY.messages).sort());
  });

  test.each(CASES)("$message, $case", async (each) => {
    const bytes = utf8(each.body);
    expect(hex(await sha256(signedBytes(bytes)))).toBe(each.signed);
    for (const language of LANGUAGES) {
      const said = await exactly(bytes, language);
      expect(said.sentences.map((one) => one.text)).toEqual([each.sentences[language]]);
    }
  });
});

describe("for people", () => {
  test("ids are short, times in the reader's zone, words in their language", async () => {
    const known = CASES.find((each) => each.message === "consent.NameCustodian");
    const said = await plainly(utf8(known?.body ?? ""), "zh-CN");
    const text = said.sentences[0]?.text ?? "";
    expect(text).toContain("2026年1月2日");
    expect(text).toContain("08:00");
    expect(text).toContain("更改授权、授予授权、查阅记录、撤回授权");
    expect(text).toMatch(/允许 \S{8}…\S{4} 代我操作/);
    const full = said.sentences[0]?.parts.flatMap((each) => each.full ?? []) ?? [];
    expect(full.some((each) => /^[A-Za-z0-9_-]{22}$/.test(each))).toBe(true);
  });

  test("a name stands beside its id and never in its place", async () => {
    const known = CASES.find((each) => each.message === "consent.Revoke");
    const bytes = utf8(known?.body ?? "");
    const grant = readBody(bytes).messages[0]?.["grant"] as string;
    const names = new Map([[grant, "王医生\u202e"]]);
    const said = await sentence(bytes, "en", (own) => plainSpeech("en", own, { names }));
    expect(said.sentences[0]?.text).toContain(`王医生\\u{202e} (${grant.slice(0, 8)}…${grant.slice(-4)})`);
  });

  test("text that hides or turns is made visible", async () => {
    const known = CASES.find((each) => each.case === "odd text");
    const said = await plainly(utf8(known?.body ?? ""), "en");
    expect(said.sentences[0]?.text).toContain('a"b\\\\c\\u{a}{organisation}\\u{1}\\u{7f}é云😀/');
  });

  test.each(LANGUAGES)("no word of the protocol is left in %s", async (language) => {
    for (const each of CASES) {
      const said = await plainly(utf8(each.body), language);
      expect(said.sentences[0]?.text).not.toMatch(/[“”]\S+[“”]$|adverse_events|trading_partner/);
      expect(said.sentences[0]?.text).not.toMatch(/[：,]\s*[;；.。]/);
    }
  });
});

describe("no field is invisible", () => {
  test.each(CASES)("$message, $case: a changed value shows or is refused", async (each) => {
    const body = JSON.parse(each.body) as JsonObject;
    const before = await shown(utf8(each.body));
    expect(before).not.toBe("refused");
    let differing = 0;
    for (const [path, value] of leaves(body)) {
      for (const other of others(value)) {
        const after = await shown(encode(changed(body, path, other)));
        expect(after, `${path.join(".")} -> ${JSON.stringify(other)}`).not.toBe(before);
        if (after !== "refused") differing += 1;
      }
      expect(await shown(encode(changed(body, path, undefined)))).not.toBe(before);
    }
    expect(differing).toBeGreaterThan(10);
  });

  test.each(CASES)("$message, $case: a changed byte shows or is refused", async (each) => {
    const bytes = utf8(each.body);
    const before = await shown(bytes);
    for (let at = 0; at < bytes.length; at += 3) {
      const other = bytes.slice();
      other[at] = (other[at] ?? 0) ^ (1 << (at % 7));
      expect(await shown(other), `byte ${at}`).not.toBe(before);
    }
  });

  test.each(CASES)("$message, $case: what is added is refused", async (each) => {
    const body = JSON.parse(each.body) as JsonObject;
    for (const [path] of leaves(body)) {
      const beside = [...path.slice(0, -1), "zzz"];
      if (typeof path.at(-1) === "number") continue;
      await expect(plainly(encode(changed(body, beside, 1)), "en")).rejects.toThrow(SignRefusal);
    }
  });
});

test("an unknown message is not signed", () => {
  const known = JSON.parse(CASES[0]?.body ?? "") as JsonObject;
  for (const type of ["consent.Everything", "toString", "__proto__", "", null, 1]) {
    const bytes = encode({ ...known, messages: [{ type }] });
    expect(() => readBody(bytes)).toThrow(SignRefusal);
  }
});

type Path = (string | number)[];

function leaves(value: Json, path: Path = []): [Path, Json][] {
  if (typeof value !== "object" || value === null) return [[path, value]];
  if (Array.isArray(value)) return value.flatMap((each, at) => leaves(each, [...path, at]));
  return Object.entries(value).flatMap(([name, each]) => leaves(each, [...path, name]));
}

function others(value: Json): Json[] {
  if (typeof value === "number") return [value + 1, value - 1, value + 86_400_000, 0, String(value)];
  if (typeof value === "boolean") return [!value, null];
  if (typeof value !== "string") return [0];
  const middle = Math.floor(value.length / 2);
  const letter = value[middle] === "A" ? "B" : "A";
  return [value.slice(0, middle) + letter + value.slice(middle + 1), `${value}A`, `${value} `, value.slice(1), ""];
}

function changed(value: Json, path: Path, other: Json | undefined): Json {
  const [first, ...rest] = path;
  if (first === undefined) return other ?? null;
  if (Array.isArray(value)) {
    const made = value.map((each, at) => (at === first ? changed(each, rest, other) : each));
    return rest.length === 0 && other === undefined ? made.filter((_, at) => at !== first) : made;
  }
  const made = { ...(value as JsonObject) };
  if (rest.length === 0 && other === undefined) Reflect.deleteProperty(made, first);
  else made[first] = changed(made[first] ?? null, rest, other);
  return made;
}
