/** How reading is repeated and kept. Writing is never repeated here: who writes knows the bytes. */
import { QueryClient } from "@tanstack/react-query";

import { ProblemError } from "./problem";

const TRIES = 3;

/** Only what was not judged yet is asked again, and not for ever. */
export function retry(failures: number, error: Error): boolean {
  return failures < TRIES - 1 && error instanceof ProblemError && error.transient;
}

/** Waits as long as the node asked, else half a second, doubled each time. */
export function retryDelay(failures: number, error: Error): number {
  const asked = error instanceof ProblemError ? error.retryAfter : undefined;
  return asked ?? 500 * 2 ** failures;
}

export function queryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: { retry, retryDelay, staleTime: 5_000, refetchOnWindowFocus: false },
      mutations: { retry: false },
    },
  });
}
