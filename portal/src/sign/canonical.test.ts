import { describe, expect, test } from "vitest";

import { assemble, makeBody, readBody, renewBody, signedBytes } from "./body";
import { fromUtf8, newId, toBytes, toText, utf8 } from "./bytes";
import { decode, encode, type Json } from "./canonical";
import { SignRefusal } from "./refusal";
import { CASES } from "./vectors";

function reason(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof SignRefusal) return error.reason;
    throw error;
  }
  return "accepted";
}

describe("canonical JSON", () => {
  test.each(CASES)("$message, $case: read and written again it is the same", (each) => {
    expect(fromUtf8(encode(JSON.parse(each.body) as Json))).toBe(each.body);
    expect(reason(() => decode(utf8(each.body)))).toBe("accepted");
  });

  test.each([
    ['{"b":1,"a":2}', "not_canonical"],
    ['{"a":1,"a":1}', "not_canonical"],
    ['{"a": 1}', "not_canonical"],
    ['{"a":1} ', "not_canonical"],
    ['{"a":1.0}', "not_canonical"],
    ['{"a":1e2}', "not_canonical"],
    ['{"a":-0}', "not_canonical"],
    ['"\\u0041"', "not_canonical"],
    ['"\\/"', "not_canonical"],
    ['"\\u000A"', "not_canonical"],
    ['"\u007f\\u001f\\n"', "accepted"],
    ["1.5", "malformed"],
    ["9007199254740992", "malformed"],
    ["9007199254740991", "accepted"],
    ["1e400", "malformed"],
    ['"\\ud800"', "malformed"],
    ['"\ud83d\ude00"', "accepted"],
    ['{"é":1}', "malformed"],
    ["{", "malformed"],
    ["", "malformed"],
    ["\ufeff1", "malformed"],
    ["NaN", "malformed"],
    ["[".repeat(40) + "]".repeat(40), "malformed"],
    ["[".repeat(100_000), "malformed"],
  ])("%.60s is %s", (text, expected) => {
    expect(reason(() => decode(utf8(text)))).toBe(expected);
  });

  test("what is no UTF-8 is malformed", () => {
    expect(reason(() => decode(Uint8Array.of(0x22, 0xc3, 0x28, 0x22)))).toBe("malformed");
    expect(reason(() => decode(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22)))).toBe("malformed");
  });

  test("base64url has one spelling", () => {
    for (let size = 0; size < 70; size += 1) {
      const data = crypto.getRandomValues(new Uint8Array(size));
      expect(toBytes(toText(data))).toEqual(data);
    }
    expect(reason(() => toBytes("AB"))).toBe("not_canonical");
    for (const text of ["A", "AA==", "A+", "A/", "A ", "é"]) {
      expect(reason(() => toBytes(text))).toBe("malformed");
    }
  });
});

const ASKED = {
  chain: "test",
  sender: newId(),
  payer: newId(),
  signers: [newId()],
  messages: [{ type: "consent.Revoke", grant: newId() }],
  now: 1_767_225_600_000,
};

describe("a body", () => {
  test("is made with a nonce of its own and an end", () => {
    const [one, two] = [readBody(makeBody(ASKED)), readBody(makeBody({ ...ASKED, lasts: 60_000 }))];
    expect(one.nonce).not.toBe(two.nonce);
    expect(one.expires).toBe(ASKED.now + 3_600_000);
    expect(two.expires).toBe(ASKED.now + 60_000);
    expect("on_behalf_of" in one).toBe(false);
    expect(fromUtf8(signedBytes(makeBody(ASKED)))).toMatch(/^yilian\/transaction\/1\n\{"chain":/);
  });

  test("is made anew with the same messages, another nonce and a later end", () => {
    const ward = newId();
    const first = makeBody({ ...ASKED, onBehalfOf: ward });
    const [one, two] = [readBody(first), readBody(renewBody(first, ASKED.now + 10, 5))];
    expect(two).toEqual({ ...one, nonce: two.nonce, expires: ASKED.now + 15 });
    expect(two.nonce).not.toBe(one.nonce);
  });

  test.each([
    ["no message", { messages: [] }],
    ["33 messages", { messages: Array.from({ length: 33 }, () => ASKED.messages[0]) }],
    ["a signer twice", { signers: [ASKED.sender, ASKED.sender] }],
    ["no signer", { signers: [] }],
    ["9 signers", { signers: Array.from({ length: 9 }, newId) }],
    ["a short id", { sender: "AAAA" }],
    ["an id with spare bits", { sender: `${"A".repeat(21)}B` }],
    ["an empty chain", { chain: "" }],
    ["a long chain", { chain: "x".repeat(51) }],
    ["an end that is no integer", { now: Number.NaN }],
  ])("with %s is refused", (_, wrong) => {
    expect(reason(() => makeBody({ ...ASKED, ...wrong } as typeof ASKED))).toMatch(/malformed|not_canonical/);
  });

  test("that is too large is refused, also with its signatures", () => {
    const serials = Array.from({ length: 1000 }, () => toText(crypto.getRandomValues(new Uint8Array(32))));
    const recall = {
      type: "supply.IssueRecall", recall: newId(), gtin: "06901234567892", grade: 1,
      reason: "storage", lots: [], serials: serials.sort(),
    };
    expect(reason(() => makeBody({ ...ASKED, messages: [recall] }))).toBe("accepted");
    expect(reason(() => makeBody({ ...ASKED, messages: [recall, recall] }))).toBe("too_large");
  });

  test("takes as many signatures as it has signers", () => {
    const body = makeBody(ASKED);
    expect(reason(() => assemble(body, []))).toBe("no_key");
    const raw = fromUtf8(assemble(body, [new Uint8Array(64)]));
    expect(raw).toBe(`{"body":${fromUtf8(body)},"signatures":["${"A".repeat(86)}"]}`);
  });
});
