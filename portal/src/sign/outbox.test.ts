import "fake-indexeddb/auto";

import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { makeBody, readBody, transactionHash } from "./body";
import { fromUtf8, newId, type Bytes } from "./bytes";
import { makeDeviceKey, type DeviceKey } from "./keys";
import { discard, draft, entries, flush, onChange, send, sign } from "./outbox";
import { all } from "./store";

/** A node at the other end of a real socket; what it answers is each test's. */
let server: Server;
let arrived: { body: Buffer; headers: IncomingMessage["headers"] }[] = [];
let answer: (hash: string) => [number, object | undefined];
const fetched = globalThis.fetch;

beforeAll(async () => {
  server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on("data", (each: Buffer) => pieces.push(each));
    request.on("end", () => {
      const body = Buffer.concat(pieces);
      arrived.push({ body, headers: request.headers });
      void transactionHash(body).then((hash) => {
        const [status, content] = answer(hash);
        if (content === undefined) {
          response.destroy();
          return;
        }
        const type = status < 300 ? "application/json" : "application/problem+json";
        response.writeHead(status, { "Content-Type": type, "Retry-After": "1" });
        response.end(JSON.stringify(content));
      });
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  globalThis.fetch = (path, init) => fetched(new URL(path as string, `http://127.0.0.1:${port}`), init);
});

afterAll(() => {
  globalThis.fetch = fetched;
  server.close();
});

let key: DeviceKey;

beforeEach(async () => {
  arrived = [];
  answer = (hash) => [200, { hash, height: 7 }];
  key = await makeDeviceKey(newId(), ["ed25519"]);
});

afterEach(async () => {
  answer = (hash) => [200, { hash, height: 7 }];
  await flush(Date.now() + 8 * 86_400_000);
  expect(await all("outbox")).toEqual([]);
});

function body(asked: { now?: number; signers?: string[]; sender?: string } = {}): Bytes {
  return makeBody({
    chain: "test",
    sender: asked.sender ?? key.owner,
    payer: newId(),
    signers: asked.signers ?? [key.id],
    messages: [{ type: "consent.Revoke", grant: newId() }],
    now: asked.now ?? Date.now(),
  });
}

async function signed(): Promise<string> {
  const { id } = await draft(body());
  await sign(id, [key]);
  return id;
}

const COMMITTED_REFUSAL = { code: "consent.revoked", number: 203, status: 409, height: 9 };
const REFUSED = { code: "expired", number: 6, status: 409 };

describe("from a draft to an answer", () => {
  test("drafted, signed, sent once, recorded", async () => {
    const bytes = body();
    const opened = { 0: { terms: { secret: 1 }, salt: "x" } };
    const made = await draft(bytes, opened);
    expect(made).toMatchObject({ id: readBody(bytes).nonce, state: "drafted", opened });
    expect(arrived).toEqual([]);
    const after = await sign(made.id, [key]);
    expect(after.state).toBe("signed");
    expect(arrived).toEqual([]);
    const raw = after.raw ?? new Uint8Array();
    const done = await send(made.id);
    expect(done).toMatchObject({ state: "recorded", height: 7, hash: after.hash });
    expect(done.took).toBeGreaterThanOrEqual(0);
    expect(arrived.map((each) => each.body)).toEqual([Buffer.from(raw)]);
    expect(arrived[0]?.headers).toMatchObject({ prefer: "wait=20", "content-type": "application/json" });
    expect(JSON.parse(fromUtf8(raw))).toMatchObject({ body: JSON.parse(fromUtf8(bytes)) as object });
    expect("raw" in done || "opened" in done).toBe(false);
    await send(made.id);
    await flush();
    expect(arrived).toHaveLength(1);
  });

  test("the same draft twice is one entry, whatever its state", async () => {
    const bytes = body();
    const { id } = await draft(bytes);
    await sign(id, [key]);
    expect((await draft(bytes)).state).toBe("signed");
    expect(await entries()).toHaveLength(1);
  });

  test("signed twice at once, it has one signature; sent twice at once, one answer", async () => {
    const { id } = await draft(body());
    const [one, two] = await Promise.all([sign(id, [key]), sign(id, [key])]);
    expect(two.raw).toEqual(one.raw);
    expect(two.tapped).toBe(one.tapped);
    const both = await Promise.all([send(id), send(id)]);
    expect(both.map((each) => each.state)).toEqual(["recorded", "recorded"]);
    expect(arrived).toHaveLength(1);
  });

  test("who follows is told", async () => {
    let told = 0;
    const end = onChange(() => { told += 1; });
    const id = await signed();
    await send(id);
    end();
    const before = told;
    expect(before).toBeGreaterThanOrEqual(4);
    await discard(id);
    expect(told).toBe(before);
  });
});

describe("what is not signed", () => {
  test("a draft that is too old", async () => {
    const { id } = await draft(body({ now: Date.now() - 3_600_001 }));
    await expect(sign(id, [key])).rejects.toThrow("lapsed");
    expect((await entries())[0]?.state).toBe("drafted");
  });

  test("a body for another key, or by the key of somebody else", async () => {
    const one = await draft(body({ signers: [newId()] }));
    await expect(sign(one.id, [key])).rejects.toThrow("not_a_signer");
    const two = await draft(body({ sender: newId() }));
    await expect(sign(two.id, [key])).rejects.toThrow("not_a_signer");
    const three = await draft(body({ signers: [key.id, newId()] }));
    await expect(sign(three.id, [key])).rejects.toThrow("not_a_signer");
    expect(arrived).toEqual([]);
  });

  test("what is no body", async () => {
    await expect(draft(new Uint8Array([123, 125]))).rejects.toThrow("malformed");
  });
});

describe("trouble on the way", () => {
  test("no answer: the same bytes go again, and only one effect is known", async () => {
    const id = await signed();
    answer = () => [0, undefined];
    const tried = await send(id);
    expect(tried).toMatchObject({ state: "signed", tried: true, problem: { code: "portal.unreachable" } });
    expect(await discard(id)).toBe(false);
    answer = (hash) => [200, { hash, height: 8 }];
    const [done] = await flush();
    expect(done).toMatchObject({ state: "recorded", height: 8 });
    expect(done?.problem).toBeUndefined();
    expect(arrived).toHaveLength(2);
    expect(arrived[1]?.body).toEqual(arrived[0]?.body);
  });

  test.each([
    [429, { code: "too_many_pending", number: 19 }],
    [503, { code: "engine_stopped", number: 9120 }],
    [500, { code: "internal", number: 1 }],
    [502, {}],
    [404, { code: "not_found", number: 9001 }],
  ])("%i is no answer", async (status, content) => {
    const id = await signed();
    answer = () => [status, content];
    expect(await send(id)).toMatchObject({ state: "signed", tried: true });
    answer = (hash) => [200, { hash, height: 8 }];
    expect(await send(id)).toMatchObject({ state: "recorded" });
  });

  test("waiting for a block is not done", async () => {
    const id = await signed();
    answer = (hash) => [202, { hash }];
    expect(await send(id)).toMatchObject({ state: "sent" });
    expect(await discard(id)).toBe(false);
  });

  test("an answer about another transaction is none", async () => {
    const id = await signed();
    answer = () => [200, { hash: "0".repeat(64), height: 8 }];
    expect((await send(id)).state).toBe("signed");
  });

  test("before the first try it may still be taken back", async () => {
    const id = await signed();
    expect(await discard(id)).toBe(true);
    await flush();
    expect(arrived).toEqual([]);
  });
});

describe("refused", () => {
  test.each([["in a block", COMMITTED_REFUSAL], ["before any block", REFUSED]])("%s", async (_, problem) => {
    const id = await signed();
    answer = () => [problem.status, problem];
    const done = await send(id);
    expect(done).toMatchObject({ state: "refused", problem: { code: problem.code } });
    expect("raw" in done).toBe(false);
    await flush();
    expect(arrived).toHaveLength(1);
  });
});
