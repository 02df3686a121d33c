/**
 * The signer without a page, for tests against the real law: lines of JSON in, lines of JSON out.
 *
 *     {"do": "key", "owner": "...", "suites": ["ed25519"]}   ->  {"id": "...", "key": {...}}
 *     {"do": "sign", "asked": {...}}                          ->  {"raw": "...", "sentences": [...]}
 *
 * Keys and drafts live in memory and end with the process. A refusal is `{"refused": reason}`.
 */

import "fake-indexeddb/auto";

import { createInterface } from "node:readline";

import { makeBody, readBody, type Asked, type Message } from "./body";
import { fromUtf8, toBytes } from "./bytes";
import type { JsonObject } from "./canonical";
import { deviceKey, keyProof, makeDeviceKey, type DeviceKey } from "./keys";
import type { Opened } from "./opened";
import { draft, send, sign } from "./outbox";
import { preparedGrant } from "./prepared";
import { SignRefusal, refuse } from "./refusal";
import { signedRequest } from "./request";
import { reading } from "./use-signing";

type Line = Record<string, unknown> & { do: string };
type Act = (line: Line) => Promise<object>;

async function keyOf(line: Line): Promise<DeviceKey> {
  const found = await deviceKey(line["key"] as string);
  if (found === undefined) throw refuse("no_key");
  return found;
}

async function ready(line: Line): Promise<{ id: string; sentences: string[] }> {
  const bytes = makeBody(line["asked"] as Asked);
  const opened = line["opened"] === undefined ? {} : { 0: line["opened"] as Opened };
  const read = await reading(bytes, "zh-CN", opened);
  const sentences = read.said.sentences.map((each, at) => read.opened[at]?.sentence ?? each.text);
  const { id } = await draft(bytes, opened);
  const keys = await Promise.all(readBody(bytes).signers.map(deviceKey));
  await sign(id, keys.filter((each) => each !== undefined));
  return { id, sentences };
}

const ACTS: Record<string, Act> = {
  async key(line) {
    const { id, key } = await makeDeviceKey(line["owner"] as string, line["suites"] as string[]);
    return { id, key };
  },
  async proof(line) {
    return { proof: await keyProof(await keyOf(line), line["owner"] as string) };
  },
  async sign(line) {
    const { id, sentences } = await ready(line);
    // Asked a second time, it finds the first signature.
    const { raw, hash } = await sign(id, []);
    return { raw: fromUtf8(raw ?? new Uint8Array()), hash, sentences };
  },
  async send(line) {
    const { id, sentences } = await ready(line);
    const { state, height, problem } = await send(id);
    return { state, height, problem, sentences };
  },
  async request(line) {
    const { chain, method, path, content } = line as unknown as Record<string, string | undefined>;
    const bytes = content === undefined ? undefined : new TextEncoder().encode(content);
    const headers = await signedRequest(await keyOf(line), chain ?? "", method ?? "", path ?? "", bytes);
    return { headers };
  },
  async prepared(line) {
    return preparedGrant(line["prepared"], line["asked"] as JsonObject);
  },
  read(line) {
    const { messages } = readBody(toBytes(line["bytes"] as string));
    return Promise.resolve({ messages: messages.map((each: Message) => each.type) });
  },
};

async function answer(text: string): Promise<object> {
  try {
    const line = JSON.parse(text) as Line;
    const act = Object.hasOwn(ACTS, line.do) ? ACTS[line.do] : undefined;
    return act === undefined ? { refused: "unknown" } : await act(line);
  } catch (error) {
    if (error instanceof SignRefusal) return { refused: error.reason, field: error.field };
    return { fault: String(error) };
  }
}

const node = process.argv[2];
if (node !== undefined) {
  const fetched = globalThis.fetch;
  globalThis.fetch = (path, init) => fetched(new URL(path as string, node), init);
}
for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await answer(line))}\n`);
}
