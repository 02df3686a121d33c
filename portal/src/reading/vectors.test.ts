import "fake-indexeddb/auto";

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";

import { fromBase64, toBase64 } from "../proof/bytes";
import { toBytes, toText } from "../sign/bytes";
import { newSecret, publicId, recipient, unwrap } from "./hpke";
import { type Given, Opener, type SealedRecord, type WrappedKey } from "./open";
import { ReadingRefusal } from "./refusal";
import { forgetReadingKey, keepReadingKey, readingKey, secretOf } from "./store";

interface Vectors {
  holder: string;
  person: string;
  reading_key: { secret: string; public: string; id: string };
  keys: WrappedKey[];
  records: { sealed: SealedRecord; content: string }[];
}

const FILE = join(import.meta.dirname, "../../../vectors/reading/reading.json");
const VECTORS = JSON.parse(readFileSync(FILE, "utf8")) as Vectors;

let given: Given;

beforeAll(() => {
  const { holder, person, reading_key, keys } = VECTORS;
  given = { holder, person, to: recipient(toBytes(reading_key.secret)), wraps: keys };
});

const reason = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (error) {
    if (error instanceof ReadingRefusal) return error.reason;
    throw error;
  }
  return "opened";
};

const first = (): SealedRecord => structuredClone(VECTORS.records[0]?.sealed) as SealedRecord;

/** Every `step`th byte of a base64 text altered, one at a time, and the last one. */
function altered(text: string, step = 1): string[] {
  const data = fromBase64(text) ?? new Uint8Array();
  const places = [...data.keys()].filter((at) => at % step === 0 || at === data.length - 1);
  return places.map((at) => toBase64(data.with(at, (data[at] ?? 0) ^ 1)));
}

test("a reading key's public half and id are those of the vault", async () => {
  expect(toText(given.to.public)).toBe(VECTORS.reading_key.public);
  expect(await publicId(given.to.public)).toBe(VECTORS.reading_key.id);
});

test("every record opens to its exact bytes, with its salt in the proof", async () => {
  const opener = new Opener(given);
  expect(VECTORS.records.length).toBeGreaterThan(1);
  for (const { sealed, content } of VECTORS.records) {
    const opened = await opener.open(sealed);
    expect(toBase64(opened.content)).toBe(content);
    expect(opened.proof.salt).toMatch(/^[\w-]{43}$/);
    expect(opened).toMatchObject({ record: sealed.proof.record, mediaType: sealed.media_type });
  }
});

describe("an altered byte anywhere is refused", () => {
  test.each(["ciphertext", "salt"] as const)("in %s", async (member) => {
    const opener = new Opener(given);
    for (const text of altered(first()[member])) {
      expect(await reason(opener.open({ ...first(), [member]: text }))).not.toBe("opened");
    }
  });

  test.each(["data_key", "batch_key"] as const)("in the %s", async (member) => {
    const sealed = first();
    for (const text of altered(sealed.keys[member] ?? "", member === "batch_key" ? 29 : 1)) {
      const other = { ...sealed, keys: { ...sealed.keys, [member]: text } };
      expect(await reason(new Opener(given).open(other))).not.toBe("opened");
    }
  });

  test("in a wrapped category key", async () => {
    const sealed = first();
    const [own] = VECTORS.keys.filter((each) => each.key === sealed.keys.category_key);
    for (const wrapped of altered(own?.wrapped ?? "", 29)) {
      const wraps = [{ ...(own as WrappedKey), wrapped }];
      expect(await reason(new Opener({ ...given, wraps }).open(sealed))).not.toBe("opened");
    }
  });

  test("in the address and the commitment, though each is well formed", async () => {
    const other = VECTORS.records[1]?.sealed as SealedRecord;
    const address = { ...first(), address: other.address };
    const proof = { ...first().proof, commitment: other.proof.commitment };
    expect(await reason(new Opener(given).open(address))).toBe("altered");
    expect(await reason(new Opener(given).open({ ...first(), proof }))).toBe("altered");
  });
});

test("nothing opens as another record, of another holder or for another person", async () => {
  const other = VECTORS.reading_key.id;
  const moved = { ...first(), proof: { ...first().proof, record: other } };
  expect(await reason(new Opener(given).open(moved))).toBe("altered");
  expect(await reason(new Opener({ ...given, holder: other }).open(first()))).toBe("altered");
  expect(await reason(new Opener({ ...given, person: other }).open(first()))).toBe("altered");
});

test("a key that was not given, or is wrapped to another device, is missing", async () => {
  expect(await reason(new Opener({ ...given, wraps: [] }).open(first()))).toBe("key_missing");
  const to = recipient(newSecret());
  expect(await reason(new Opener({ ...given, to }).open(first()))).toBe("key_missing");
});

test("a category key under another's name does not pass", async () => {
  const sealed = first();
  const key = sealed.keys.category_key ?? "";
  const other = VECTORS.keys.find((each) => each.key !== key) as WrappedKey;
  expect(await reason(new Opener({ ...given, wraps: [{ ...other, key }] }).open(sealed))).toBe("altered");
});

test.each(["route", "text", "short", "version", "secret"])("what is malformed is refused: %s", async (what) => {
  const sealed = first();
  const opener = new Opener(given);
  const odd: Record<string, () => Promise<unknown>> = {
    route: () => opener.open({ ...sealed, keys: { route: "record", data_key: sealed.keys.data_key } }),
    text: () => opener.open({ ...sealed, salt: "*" }),
    short: () => unwrap(given.to, new Uint8Array(40).fill(1), new Uint8Array()),
    version: () => opener.open({ ...sealed, salt: toBase64(Uint8Array.of(2, ...new Uint8Array(60))) }),
    secret: () => Promise.resolve().then(() => recipient(new Uint8Array(97))),
  };
  expect(await reason(odd[what]?.() ?? Promise.resolve())).not.toBe("opened");
});

test("a reading key is kept sealed, comes back whole, and goes", async () => {
  const secret = newSecret();
  const shown = toText(recipient(secret).public);
  const kept = await keepReadingKey("somebody", shown, secret);
  expect(kept.wrapping.extractable).toBe(false);
  expect(toText(kept.sealed)).not.toContain(toText(secret).slice(4, 40));
  const found = await readingKey("somebody");
  expect(found?.public).toBe(shown);
  expect(toText(await secretOf(kept))).toBe(toText(secret));
  expect(await readingKey("somebody else")).toBeNull();
  const damaged = { ...kept, sealed: kept.sealed.slice().fill(0, 3, 5) };
  expect(await reason(secretOf(damaged))).toBe("no_key");
  await forgetReadingKey("somebody");
  expect(await readingKey("somebody")).toBeNull();
});
