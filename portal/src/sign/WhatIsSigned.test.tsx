// @vitest-environment happy-dom
import "fake-indexeddb/auto";

import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Suspense, type ReactNode } from "react";
import { MemoryRouter, Route, Routes } from "react-router";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import type { Language } from "../language";
import { queryClient } from "../queries";
import { speak, startText } from "../text";
import { makeBody, readBody } from "./body";
import { newId, type Bytes } from "./bytes";
import type { Json } from "./canonical";
import { makeDeviceKey, type DeviceKey } from "./keys";
import { termsCommitment, type Opened } from "./opened";
import { entries, type Entry } from "./outbox";
import { SIGNING } from "./vectors";
import { WhatIsSigned } from "./WhatIsSigned";

let server: Server;
let arrived: string[] = [];
let answer: [number, object];
const fetched = globalThis.fetch;
const [, FULL] = SIGNING.terms as [unknown, (typeof SIGNING.terms)[0]];

beforeAll(async () => {
  server = createServer((request, response) => {
    // The test's page is of another origin than its node.
    response.setHeader("Access-Control-Allow-Origin", "*");
    response.setHeader("Access-Control-Allow-Headers", "*");
    if (request.method === "OPTIONS") {
      response.end();
      return;
    }
    let body = "";
    request.on("data", (each: Buffer) => { body += each.toString(); });
    request.on("end", () => {
      arrived.push(body);
      void crypto.subtle.digest("SHA-256", Buffer.from(body)).then((hash) => {
        const [status, content] = answer;
        const type = status < 300 ? "application/json" : "application/problem+json";
        response.writeHead(status, { "Content-Type": type });
        response.end(JSON.stringify({ hash: Buffer.from(hash).toString("hex"), ...content }));
      });
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  globalThis.fetch = (path, init) => fetched(new URL(path as string, `http://127.0.0.1:${port}`), init);
  await startText("en");
});

afterAll(() => {
  globalThis.fetch = fetched;
  server.close();
});

let key: DeviceKey;

beforeEach(async () => {
  arrived = [];
  answer = [200, { height: 1204 }];
  key = await makeDeviceKey(newId(), ["ed25519"]);
});

afterEach(cleanup);

function body(message: Record<string, Json> & { type: string }, signers = [key.id], now = Date.now()): Bytes {
  return makeBody({ chain: "test", sender: key.owner, payer: newId(), signers, messages: [message], now });
}

async function shown(element: ReactNode, language: Language = "en"): Promise<void> {
  await speak(language);
  render(
    <MantineProvider>
      <QueryClientProvider client={queryClient()}>
        <MemoryRouter initialEntries={[`/${language}/x`]}>
          <Suspense fallback={null}>
            <Routes><Route path="/:language/*" element={element} /></Routes>
          </Suspense>
        </MemoryRouter>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

const REVOKE = { type: "consent.Revoke", grant: newId() };

test("the sentence, who signs and until when; signed, sent and recorded", async () => {
  let told: Entry | undefined;
  const names = new Map([[key.owner, "Lin Mei"]]);
  await shown(<WhatIsSigned bytes={body(REVOKE)} names={names} onAnswer={(entry) => { told = entry; }} />);
  await screen.findByText(`${REVOKE.grant.slice(0, 8)}…${REVOKE.grant.slice(-4)}`);
  expect(document.body.textContent).toContain("nothing may be read under it any more");
  expect(document.body.textContent).toContain(`Lin Mei (${key.owner.slice(0, 8)}…`);
  expect(await screen.findByText("Not signed. Nothing has been sent.")).toBeTruthy();
  expect(arrived).toEqual([]);
  fireEvent.click(screen.getByRole("button", { name: "Sign and send" }));
  await screen.findByText(/^Recorded on page 1204 of the shared record, \d+ ms after you tapped\.$/);
  expect(arrived).toHaveLength(1);
  await waitFor(() => { expect(told?.state).toBe("recorded"); });
  expect(screen.queryByRole("button", { name: "Sign and send" })).toBeNull();
});

test("every field in full is one tap away, and the exact text", async () => {
  const bytes = body(REVOKE);
  await shown(<WhatIsSigned bytes={bytes} />, "zh-CN");
  const button = await screen.findByRole("button", { name: "显示全部细节" });
  expect(button.getAttribute("aria-expanded")).toBe("false");
  fireEvent.click(button);
  const { nonce, payer } = readBody(bytes);
  for (const each of [REVOKE.grant, nonce, payer, key.id, key.owner]) {
    expect(screen.getAllByText(each).length).toBeGreaterThan(0);
  }
  expect(document.querySelector("pre")?.textContent).toBe(new TextDecoder().decode(bytes));
});

async function grantOf(opened: Opened): Promise<Bytes> {
  const { starts, ends } = opened.terms as { starts: number; ends: number };
  const terms = await termsCommitment(FULL.terms, FULL.salt);
  return body({ type: "consent.Grant", grant: newId(), terms, starts, ends });
}

test("opened terms come first, and only where they are those in the bytes", async () => {
  const opened = { terms: FULL.terms, salt: FULL.salt };
  await shown(<WhatIsSigned bytes={await grantOf(opened)} opened={{ 0: opened }} />, "zh-CN");
  await screen.findByText(/^仅允许.*身份：医师/);
  expect(await screen.findByRole("button", { name: "签署并发送" })).toBeTruthy();
});

test("other terms than those in the bytes cannot be signed", async () => {
  const opened = { terms: { ...FULL.terms, purposes: ["research"] }, salt: FULL.salt };
  await shown(<WhatIsSigned bytes={await grantOf(opened)} opened={{ 0: opened }} />, "zh-CN");
  await screen.findByText("显示的条款与待签署的条款不一致。");
  expect(screen.queryByRole("button", { name: "签署并发送" })).toBeNull();
});

test("an unknown message cannot be signed", async () => {
  const bytes = new TextEncoder().encode(new TextDecoder().decode(body(REVOKE)).replace("Revoke", "Rewoke"));
  await shown(<WhatIsSigned bytes={bytes} />);
  await screen.findByText("This version of the page does not know what was to be signed.");
  expect(screen.queryByRole("button", { name: "Sign and send" })).toBeNull();
  const kept = (await entries()).map((each) => new TextDecoder().decode(each.body));
  expect(kept).not.toContain(new TextDecoder().decode(bytes));
});

test("a refusal says what, why and what next, and is not called done", async () => {
  const problem = { code: "consent.revoked", title: "Taken back already", detail: "Why.", next: "What next.", number: 203 };
  answer = [409, { ...problem, status: 409, height: 5 }];
  await shown(<WhatIsSigned bytes={body(REVOKE)} />);
  fireEvent.click(await screen.findByRole("button", { name: "Sign and send" }));
  for (const each of ["Refused. Nothing has changed.", "Taken back already", "Why.", "What next.", "consent.revoked"]) {
    await screen.findByText(each);
  }
});

test("without a connection it waits, says so, and goes out by the same bytes", async () => {
  answer = [503, { code: "engine_stopped", number: 9120 }];
  await shown(<WhatIsSigned bytes={body(REVOKE)} />);
  fireEvent.click(await screen.findByRole("button", { name: "Sign and send" }));
  await screen.findByText(/^Signed, but no answer has come yet/);
  answer = [200, { height: 3 }];
  fireEvent.click(await screen.findByRole("button", { name: "Send again" }));
  await screen.findByText(/^Recorded on page 3 /);
  expect(arrived).toHaveLength(2);
  expect(arrived[0]).toBe(arrived[1]);
});

test("a key that is not here is said", async () => {
  await shown(<WhatIsSigned bytes={body(REVOKE, [newId()])} />);
  fireEvent.click(await screen.findByRole("button", { name: "Sign and send" }));
  await screen.findByText("The key to sign with is not on this device.");
  expect(arrived).toEqual([]);
});

test("what is too old is made anew before it is signed", async () => {
  await shown(<WhatIsSigned bytes={body(REVOKE, [key.id], Date.now() - 4_000_000)} />);
  fireEvent.click(await screen.findByRole("button", { name: "Sign and send" }));
  fireEvent.click(await screen.findByRole("button", { name: "Make it anew" }));
  fireEvent.click(await screen.findByRole("button", { name: "Sign and send" }));
  await screen.findByText(/^Recorded on page 1204/);
  expect(arrived).toHaveLength(1);
});

test("whoever does not sign leaves nothing behind", async () => {
  let declined = 0;
  const bytes = body(REVOKE);
  await shown(<WhatIsSigned bytes={bytes} onDecline={() => { declined += 1; }} />);
  fireEvent.click(await screen.findByRole("button", { name: "Do not sign" }));
  await waitFor(() => { expect(declined).toBe(1); });
  expect((await entries()).map((each) => each.id)).not.toContain(readBody(bytes).nonce);
});
