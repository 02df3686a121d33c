/** The signer in a page of its own, for tests in a browser: what a page of the portal does with it. */

import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { Suspense } from "react";
import { createRoot } from "react-dom/client";
import { MemoryRouter, Route, Routes } from "react-router";

import type { Language } from "../language";
import { queryClient } from "../queries";
import { speak, startText } from "../text";
import { RESOLVER, THEME } from "../theme";
import { makeBody, type Asked } from "./body";
import { deviceKeys, makeDeviceKey } from "./keys";
import type { Opened } from "./opened";
import { entries, flush } from "./outbox";
import { WhatIsSigned } from "./WhatIsSigned";

/** Make a key; gives what may be known of it. */
export async function makeKey(owner: string, suites: string[]): Promise<object> {
  const { id, key } = await makeDeviceKey(owner, suites);
  return { id, key };
}

/** Try every way to take the owner's private keys out; gives how many ways there were. */
export async function takenOut(owner: string): Promise<number> {
  let taken = 0;
  for (const { pair } of await deviceKeys(owner)) {
    for (const format of ["pkcs8", "jwk", "raw"] as const) {
      try {
        await crypto.subtle.exportKey(format, pair.privateKey);
        taken += 1;
      } catch {
        continue;
      }
    }
  }
  return taken;
}

/** Show what is to be signed, in place of the page. */
export async function show(language: Language, asked: Asked, opened?: Record<number, Opened>): Promise<void> {
  await startText(language);
  await speak(language);
  const place = document.createElement("main");
  document.body.replaceChildren(place);
  const bytes = makeBody({ ...asked, now: Date.now() });
  createRoot(place).render(
    <MantineProvider theme={THEME} cssVariablesResolver={RESOLVER} forceColorScheme="light" getStyleNonce={nonce}>
      <QueryClientProvider client={queryClient()}>
        <MemoryRouter initialEntries={[`/${language}/x`]}>
          <h1>{asked.chain}</h1>
          <Suspense fallback={null}>
            <Routes>
              <Route
                path="/:language/*"
                element={<WhatIsSigned bytes={bytes} {...(opened && { opened })} onDecline={() => undefined} />}
              />
            </Routes>
          </Suspense>
        </MemoryRouter>
      </QueryClientProvider>
    </MantineProvider>,
  );
}

/** Send what waits, and tell where each request stands. */
export async function waiting(): Promise<object[]> {
  await flush();
  return (await entries()).map(({ state, hash, height }) => ({ state, hash, height }));
}

function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
}
