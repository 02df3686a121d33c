/** Headers of sessions fit what the node reads, and a kept session comes and goes in all its parts. */
import "fake-indexeddb/auto";
import { afterEach, expect, test, vi } from "vitest";

import { request } from "../api";
import { fromUtf8, join, toBytes, toText, utf8 } from "../sign/bytes";
import { who } from "../who";
import { challenge, HEADER, sessionHeader } from "./claim";
import { kept, type Kept, newPair, type SignedIn } from "./keep";
import { adopt, drop, refresh, restore, session } from "./session";

const ID = "A".repeat(22);
const SIGNED_IN: SignedIn = {
  session: ID,
  subject: ID,
  kind: "practitioner",
  organisation: ID,
  state: "in",
  way: "passkey",
  joined: false,
  expires: 1,
  standing: { organisation_kind: "hospital", licences: [{ profession: "physician", ends: 2 }] },
};

async function made(signedIn: Partial<SignedIn> = {}): Promise<Kept> {
  const { pair } = await newPair();
  return { signedIn: { ...SIGNED_IN, ...signedIn }, pair, chain: "yilian", ahead: 0 };
}

function answers(status: number, body: unknown): void {
  const type = status < 400 ? "application/json" : "application/problem+json";
  const answer = (): Promise<Response> =>
    Promise.resolve(new Response(JSON.stringify(body), { status, headers: { "content-type": type } }));
  vi.stubGlobal("fetch", vi.fn(answer));
}

afterEach(async () => {
  vi.unstubAllGlobals();
  await drop();
});

test("a challenge is bound to the session's key", async () => {
  const one = await challenge(new Uint8Array(32), Uint8Array.of(1));
  const two = await challenge(new Uint8Array(32), Uint8Array.of(2));
  expect(toText(one)).not.toBe(toText(two));
  // SHA-256("yilian/sign-in/1\n" || 32 zero bytes || 01), by sha256sum.
  expect(toText(one)).toBe("udu52OPepQpyVM8QwkcUUfnWIB93SGULAF5gd5ROpNA");
});

test("a header is canonical, of this request, and signed by the session's key", async () => {
  const of = await made();
  const header = await sessionHeader(of, "post", "/v1/x?a=1", utf8("body"));
  const [claimed = "", signature = ""] = (header[HEADER] ?? "").split(".");
  const text = fromUtf8(toBytes(claimed));
  const claim = JSON.parse(text) as Record<string, unknown>;
  expect(Object.keys(claim)).toEqual([...Object.keys(claim)].sort());
  expect(claim).toMatchObject({ chain: "yilian", method: "POST", path: "/v1/x?a=1", session: ID });
  expect(claim["expires"]).toBeLessThanOrEqual(Date.now() + 60_000);
  const how = { name: "ECDSA", hash: "SHA-256" };
  const signed = join(utf8("yilian/session/1\n"), toBytes(claimed));
  expect(toBytes(signature)).toHaveLength(64);
  expect(await crypto.subtle.verify(how, of.pair.publicKey, toBytes(signature), signed)).toBe(true);
  const again = await sessionHeader(of, "post", "/v1/x?a=1", utf8("body"));
  expect(again[HEADER]).not.toBe(header[HEADER]);
});

test("the private key cannot be taken out", async () => {
  const { pair } = await newPair();
  await expect(crypto.subtle.exportKey("pkcs8", pair.privateKey)).rejects.toThrow();
});

test("a session is kept, brought back, shown with requests, and forgotten", async () => {
  await adopt(await made({ state: "second_factor" }));
  expect(who()).toMatchObject({ subject: ID, roles: ["doctor"], level: 1 });
  await restore();
  expect(session()?.signedIn.session).toBe(ID);
  answers(200, {});
  await request("GET", "/v1/organisations/a");
  const sent = vi.mocked(fetch).mock.calls[0]?.[1]?.headers as Record<string, string>;
  expect(sent[HEADER]).toBeDefined();
  await drop();
  expect(await kept()).toBeUndefined();
  expect(who()).toBeUndefined();
});

test("what the node says anew is taken over: a licence that ended takes its pages along", async () => {
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ["Date"] });
  await adopt(await made());
  expect(who()?.roles).toEqual(["doctor"]);
  const without = { organisation_kind: "hospital", licences: [] };
  answers(200, { ...SIGNED_IN, standing: without });
  await refresh();
  expect(who()?.roles).toEqual([]);
  expect(session()?.signedIn.standing).toEqual(without);
  vi.useRealTimers();
});

test("an answer about a session that is over meanwhile changes nothing", async () => {
  vi.useFakeTimers({ now: Date.now() + 120_000, toFake: ["Date"] });
  await adopt(await made());
  answers(200, SIGNED_IN);
  const asked = refresh();
  await drop();
  await asked;
  expect(who()).toBeUndefined();
  vi.useRealTimers();
});

test.each([
  ["sign_in.session_expired", true],
  ["sign_in.session_revoked", true],
  ["sign_in.second_factor_needed", false],
  ["forbidden", false],
])("the refusal %s ends it: %s", async (code, ends) => {
  await restore();
  await adopt(await made());
  answers(401, { code });
  await expect(request("GET", "/v1/organisations/a")).rejects.toThrow(code);
  expect(session() === undefined).toBe(ends);
});
