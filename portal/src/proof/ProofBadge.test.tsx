// @vitest-environment happy-dom
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { MantineProvider } from "@mantine/core";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { cleanup, fireEvent, render, screen } from "@testing-library/react";
import type { ReactNode } from "react";
import { MemoryRouter } from "react-router";
import { afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";

import { startText } from "../text";
import { STORE } from "./check";
import { ProofBadge } from "./ProofBadge";
import type { Subject } from "./subject";

interface Paper {
  readonly text: string;
  readonly trust: string;
}
const { papers } = JSON.parse(
  readFileSync(join(process.cwd(), "../vectors/proofs/proofs.json"), "utf-8"),
) as { papers: Record<string, Paper> };
const FOUR = papers["four, a key that is there"] ?? { text: "", trust: "" };
const { key, value } = JSON.parse(FOUR.text) as { key: string; value: string };
const SUBJECT: Subject = { kind: "state", key, value: JSON.parse(value) as unknown };

const asked: string[] = [];

/** A node that answers with these papers. */
function serve({ text, trust }: Paper): void {
  vi.stubGlobal("fetch", (path: string) => {
    asked.push(path);
    return Promise.resolve(new Response(path === "/v1/trust" ? trust : text));
  });
}

function shown(badge: ReactNode): void {
  render(
    <MemoryRouter>
      <MantineProvider>
        <QueryClientProvider client={new QueryClient()}>{badge}</QueryClientProvider>
      </MantineProvider>
    </MemoryRouter>,
  );
}

beforeAll(async () => {
  await startText("en");
});

beforeEach(async () => {
  asked.length = 0;
  await STORE.remove();
  serve(FOUR);
});

afterEach(cleanup);

test("says what was proved, and of which block", async () => {
  shown(<ProofBadge subject={SUBJECT} />);
  const badge = await screen.findByRole("button", { name: /^Recorded as of block \d+/ });
  expect(badge.dataset["tone"]).toBe("green");
});

test("says to patients nothing of blocks until it is opened", async () => {
  shown(<ProofBadge subject={SUBJECT} plain />);
  const badge = await screen.findByRole("button", { name: "Recorded, and checked by this browser" });
  expect(document.body.textContent).not.toMatch(/block|hash|transaction/i);
  fireEvent.click(badge);
  expect((await screen.findByText("4 of 4 members signed", { exact: false })).tagName).toBe("P");
  expect(document.body.textContent).toMatch(/Block/);
});

test("asks nothing in a list until it is opened", async () => {
  shown(<ProofBadge subject={SUBJECT} when="opened" />);
  const badge = await screen.findByRole("button", { name: "Not checked yet" });
  expect(asked).toEqual([]);
  fireEvent.click(badge);
  await screen.findByRole("button", { name: /checked by this browser/ });
});

test("says by word, mark and colour that something does not hold", async () => {
  serve({ ...FOUR, text: FOUR.text.replace('"round":2', '"round":3') });
  shown(<ProofBadge subject={SUBJECT} />);
  const name = "Does not verify: do not rely on this";
  const badge = await screen.findByRole("button", { name });
  expect(badge.dataset["tone"]).toBe("red");
  expect(badge.textContent).toContain("✗");
  fireEvent.click(badge);
  expect((await screen.findByRole("alert")).textContent).toContain("bad_signature");
});
