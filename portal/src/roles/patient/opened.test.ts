import { expect, test } from "vitest";

import type { OpenedRecord } from "../../reading";
import { isLarge, linesOf } from "./opened";

const utf8 = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

function opened(record: string, content: string, more: Partial<OpenedRecord> = {}, replaces: string | null = null): OpenedRecord {
  const proof = {
    format: "yilian-record-proof/1", record, commitment: "c", batch: "b", index: 0, total: 1, path: [], salt: "s", replaces,
  };
  return { record, mediaType: "application/fhir+json", content: utf8(content), proof, ...more };
}

const GLUCOSE = '{"resourceType":"Observation","effectiveDateTime":"2026-03-02","code":{"text":"glucose"}}';

test("a resource is a line with its own time, text and proof", () => {
  const { entries, files } = linesOf("house", [opened("one", GLUCOSE)]);
  expect(files).toEqual([]);
  expect(entries).toHaveLength(1);
  expect(entries[0]).toMatchObject({
    type: "Observation",
    content: GLUCOSE,
    time: { text: "2026-03-02", low: Date.UTC(2026, 2, 2) },
    sources: [{ organisation: "house", record: "one", replaced: null, proof: { salt: "s" } }],
  });
});

test("what was corrected names what corrects it", () => {
  const { entries } = linesOf("house", [opened("old", GLUCOSE), opened("new", GLUCOSE, {}, "old")]);
  expect(entries.map((each) => each.sources[0]?.replaced)).toEqual(["new", null]);
});

test("a note is a line, and what is no text is a file", () => {
  const note = opened("note", "I feel better", { mediaType: "text/plain;charset=utf-8" });
  const picture = opened("picture", "", { mediaType: "image/png", content: Uint8Array.of(0x89, 0x50, 0xff) });
  const odd = opened("odd", "no resource at all");
  const study = opened("study", "{}", { mediaType: "application/vnd.yilian.large+json" });
  const { entries, files } = linesOf("house", [note, picture, odd, study]);
  expect(entries.map((each) => each.content)).toEqual(["I feel better"]);
  expect(files.map((each) => each.record)).toEqual(["picture", "odd", "study"]);
  expect(files.map(isLarge)).toEqual([false, false, true]);
});

test("a resource without a time, or with an odd one, has none to sort by", () => {
  const { entries } = linesOf("house", [
    opened("one", '{"resourceType":"Condition"}'),
    opened("two", '{"resourceType":"Observation","effectiveDateTime":"last spring"}'),
  ]);
  expect(entries.map((each) => each.time?.low ?? null)).toEqual([null, null]);
});
