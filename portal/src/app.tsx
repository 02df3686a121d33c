/** Everything around the pages: theme, queries, addresses. */
import { MantineProvider } from "@mantine/core";
import { QueryClientProvider } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { RouterProvider } from "react-router";

import { queryClient } from "./queries";
import { browserRouter } from "./router";
import { RESOLVER, THEME } from "./theme";

/** The page's own word for styles that scripts add; the content policy names it. */
function nonce(): string {
  return document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content ?? "";
}

export function App(): ReactNode {
  const [queries] = useState(queryClient);
  const [router] = useState(browserRouter);
  return (
    <MantineProvider
      theme={THEME}
      cssVariablesResolver={RESOLVER}
      forceColorScheme="light"
      getStyleNonce={nonce}
    >
      <QueryClientProvider client={queries}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </MantineProvider>
  );
}
