import { readFileSync } from "node:fs";
import { beforeEach, describe, expect, test } from "vitest";
import { fromHex, sha256, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { check } from "./check";
import { load as parse } from "./json";
import { pinStore } from "./pin-store";
import { NotVerified } from "./refusal";
import type { Subject } from "./subject";
import { fingerprint, keep, pinned, trustFile } from "./trust";
import type { Load, PinStore } from "./trust";

interface Written {
  readonly text: string;
  readonly trust: string;
  readonly fingerprint: string;
  readonly content?: string;
  readonly proof?: string;
  readonly organisation?: string;
}
const { papers } = JSON.parse(
  readFileSync(new URL("../../../vectors/proofs/proofs.json", import.meta.url), "utf-8"),
) as { papers: Record<string, Written> };

function paper(name: string): Written {
  const found = papers[name];
  if (found === undefined) throw new Error(`no paper ${name}`);
  return found;
}

const hashOf = (name: string): string => {
  const { transaction } = JSON.parse(paper(name).text) as { transaction: string };
  return toHex(sha256(utf8(transaction)));
};

/** A server that answers with one trust file and one paper, whatever is asked. */
const server =
  (trust: string, text: string): Load =>
  (path) =>
    Promise.resolve(utf8(path === "/v1/trust" ? trust : text));

const serving = (name: string): Load => server(paper(name).trust, paper(name).text);

const codeOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
  } catch (reason) {
    if (reason instanceof NotVerified) return reason.code;
    throw reason;
  }
  return "verified";
};

const receiptOf = (name: string): Subject => ({ kind: "transaction", hash: hashOf(name) });

let store: PinStore;
beforeEach(() => {
  store = pinStore();
});

const asked = (name: string, load = serving(name), subject = receiptOf(name)): Promise<unknown> =>
  check(subject, [], load, store);

describe("trust on first use", () => {
  test("keeps what the first answer names, and starts from what was proved", async () => {
    const told = await check(receiptOf("four, an anchored batch"), [], serving("four, an anchored batch"), store);
    expect(told.pin.source).toBe("first contact");
    expect(told.pin.reached[0]?.["height"]).toBe(told.verified.height + 1);
    expect(await store.get()).toEqual(told.pin);
  });

  test("does not let the server set the clock or name witnesses", async () => {
    const trust = JSON.stringify({
      ...JSON.parse(paper("two witnesses").trust),
      log_keys: [],
    });
    const pin = await pinned(store, server(trust, ""));
    const names = Object.keys(pin.file).sort();
    expect(names).toEqual(
      ["chain_id", "format", "height", "time", "trusting_period_s", "validators"],
    );
  });

  test("turns down a server that later speaks for other signers", async () => {
    expect(await codeOf(asked("four, an anchored batch"))).toBe("verified");
    expect(await codeOf(asked("strangers signed"))).toBe("wrong_chain");
    await store.remove();
    await pinned(store, serving("one of four is silent"));
    const before = await store.get();
    const load = server(paper("strangers signed").trust, paper("strangers signed").text);
    expect(await codeOf(asked("strangers signed", load))).toBe("unknown_validators");
    expect(await store.get()).toEqual(before);
  });

  test("believes a new server after the user began anew", async () => {
    expect(await codeOf(asked("four, an anchored batch"))).toBe("verified");
    await store.remove();
    expect(await codeOf(asked("one of four is silent"))).toBe("verified");
  });

  test("keeps the file that the user opened, and judges its age", async () => {
    const history = paper("over three changes of validators");
    await keep(store, trustFile(utf8(history.trust)), "file");
    expect(await codeOf(asked("over three changes of validators"))).toBe("trust_expired");
    await store.remove();
    expect(await codeOf(asked("over three changes of validators"))).toBe("verified");
  });

  test("refuses what is no trust file", () => {
    expect(() => trustFile(utf8("{}"))).toThrow(NotVerified);
    expect(() => trustFile(utf8(paper("one, an anchored batch").text))).toThrow(NotVerified);
  });
});

describe("after other validators took over", () => {
  beforeEach(async () => {
    await asked("over three changes of validators");
  });

  test("what the first ones signed before is still believed", async () => {
    expect(await codeOf(asked("before they handed over"))).toBe("verified");
  });

  test("what they sign afterwards is not", async () => {
    expect(await codeOf(asked("those who handed over sign on"))).toBe("unknown_validators");
  });
});

describe("a proof must speak of what is shown", () => {
  const name = "four, an anchored batch";
  const hash = hashOf(name);
  const { height, events } = {
    height: Number((parse(utf8(paper(name).text))["header"] as { height: string }).height),
    events: parse(utf8(paper(name).text))["events"] as unknown[],
  };

  test.each([
    ["verified", { height, code: 0, events }],
    ["shown_differs", { height: height + 1 }],
    ["shown_differs", { code: 1 }],
    ["shown_differs", { events: [] }],
  ])("%s", async (code, shown) => {
    expect(await codeOf(asked(name, serving(name), { kind: "transaction", hash, shown }))).toBe(code);
  });

  test("a valid receipt of another transaction is none of this one", async () => {
    const other = "four, a refused transaction";
    expect(await codeOf(asked(name, serving(other)))).toBe("proof_of_another");
  });

  test.each([
    ["four, a key that is there", "verified"],
    ["four, a key that is not", "verified"],
  ])("%s", async (which) => {
    const told = JSON.parse(paper(which).text) as { key: string; value: string | null };
    const value: unknown = told.value === null ? null : JSON.parse(told.value);
    const subject: Subject = { kind: "state", key: told.key, value };
    expect(await codeOf(asked(which, serving(which), subject))).toBe("verified");
    const other: Subject = { ...subject, value: { other: 1 } };
    expect(await codeOf(asked(which, serving(which), other))).toBe("shown_differs");
    const elsewhere: Subject = { ...subject, key: `${told.key}x` };
    expect(await codeOf(asked(which, serving(which), elsewhere))).toBe("proof_of_another");
  });

  test("a record is the bytes that are shown", async () => {
    const which = paper("four, a record in its batch");
    const proof: unknown = JSON.parse(which.proof ?? "");
    const { record } = proof as { record: string };
    const bytes = utf8(which.content ?? "");
    const of = (content: Bytes, named = record): Subject => {
      const organisation = which.organisation ?? "";
      return { kind: "record", organisation, record: named, content, proof };
    };
    const load = server(which.trust, which.text);
    expect(await codeOf(check(of(bytes), [], load, store))).toBe("verified");
    expect(await codeOf(check(of(utf8(`${which.content} `)), [], load, store))).toBe("content_differs");
    expect(await codeOf(check(of(bytes, "A".repeat(22)), [], load, store))).toBe("proof_of_another");
  });
});

test.each(Object.entries(papers))("the check number of %s", (_, { trust, fingerprint: digits }) => {
  expect(fingerprint(trustFile(utf8(trust)))).toBe(digits);
  expect(digits).toMatch(/^(\d{4} ){7}\d{4}$/);
});

test("hexadecimal is read and written", () => {
  expect(toHex(fromHex("00ff10"))).toBe("00ff10");
});
