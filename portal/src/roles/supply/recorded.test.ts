import { describe, expect, it } from "vitest";

import { concat, sha256, toBase64, toBase64url, utf8 } from "../../proof/bytes";
import { type Recorded, rootOf, subjectOf } from "./recorded";

const EVENT = "urn:uuid:0f3b6a4e-6f3d-4a7c-8a57-2f3ad1f0a111";
const AT = Date.parse("2026-11-22T10:00:00.123Z");
const CONTENT = `{"eventID":"${EVENT}","eventTime":"2026-11-22T18:00:00.123+08:00","type":"ObjectEvent"}`;
const hash = (text: string): Uint8Array => sha256(utf8(text));
const [SALT, DIGEST, TITLES, BLIND] = ["salt", "digest", "titles", "blind"].map(hash) as [
  Uint8Array, Uint8Array, Uint8Array, Uint8Array,
];
const HEX = [...DIGEST].map((each) => each.toString(16).padStart(2, "0")).join("");
const LEAF = sha256(concat(Uint8Array.of(0), SALT, DIGEST, sha256(utf8(CONTENT))));
const EVENTS = sha256(concat(Uint8Array.of(1), BLIND, LEAF));
const ROOT = toBase64url(sha256(concat(utf8("yilian-supply-post/1"), EVENTS, TITLES)));

const PROOF: NonNullable<Recorded["proof"]> = {
  format: "yilian-event-proof/1",
  event_id: EVENT,
  event_hash: `ni:///sha-256;${HEX}?ver=CBV2.0`,
  text: toBase64(sha256(utf8(CONTENT))),
  salt: toBase64(SALT),
  organisation: "maker",
  interval: 42,
  index: 1,
  total: 2,
  path: [toBase64(BLIND)],
  titles_root: toBase64(TITLES),
};
const HONEST: Recorded = { event: EVENT, content: CONTENT, proof: PROOF };

const told = { event: EVENT, at: AT };

describe("the way from an event to the chain", () => {
  it("leads to the root that was posted", () => {
    expect(rootOf(HONEST, told)).toBe(ROOT);
    expect(rootOf(HONEST, { event: EVENT })).toBe(ROOT);
  });

  it.each([
    ["another text", { ...HONEST, content: CONTENT.replace("ObjectEvent", "AggregationEvent") }],
    ["no JSON", { ...HONEST, content: "{" }],
    ["no proof", { ...HONEST, proof: null }],
    ["another salt", { ...HONEST, proof: { ...PROOF, salt: toBase64(BLIND) } }],
    ["another hash", { ...HONEST, proof: { ...PROOF, event_hash: "ni:///sha-256;00?ver=CBV2.0" } }],
    ["another place", { ...HONEST, proof: { ...PROOF, index: 0 } }],
    ["a shorter way", { ...HONEST, proof: { ...PROOF, path: [] } }],
    ["a broken way", { ...HONEST, proof: { ...PROOF, path: ["?"] } }],
    ["other titles", { ...HONEST, proof: { ...PROOF, titles_root: toBase64(SALT) } }],
  ])("leads elsewhere with %s", (_, altered) => {
    expect(rootOf(altered, told)).not.toBe(ROOT);
  });

  it("leads nowhere where the page shows another event or another time", () => {
    expect(rootOf(HONEST, { event: "urn:uuid:other", at: AT })).toBe("");
    expect(rootOf(HONEST, { event: EVENT, at: AT + 1 })).toBe("");
  });

  it("is checked against the post of that interval", () => {
    const id = "maker.0000000000000042";
    const value = { root: "what the node says", time: 7 };
    const post = { id, value } as Parameters<typeof subjectOf>[3];
    expect(subjectOf(HONEST, told, id, post)).toEqual({
      kind: "state", key: `supply/post/${id}`, value: { root: ROOT, time: 7 },
    });
  });
});
