/** A reading in its three states: on its way, refused, here. */
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, Suspense } from "react";

import { ProblemNotice } from "./ProblemNotice";
import { Loading } from "./Standing";

interface Props<T> {
  readonly of: UseQueryResult<T>;
  readonly children: (found: T) => ReactNode;
}

export function Query<T>({ of, children }: Props<T>): ReactNode {
  if (of.data !== undefined) {
    // Words that what came needs are awaited here: the rest of the page, and its focus, stays.
    return <Suspense fallback={<Loading />}>{children(of.data)}</Suspense>;
  }
  if (of.isError) {
    return <ProblemNotice error={of.error} retry={() => void of.refetch()} />;
  }
  return <Loading />;
}
