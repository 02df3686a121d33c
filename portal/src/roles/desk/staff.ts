/** The staff directory of the own organisation. */
import { useQuery } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { useOwn } from "./own";

type Member = AnswerOf<"/v1/organisations/{organisation}/staff">["staff"][number];

export interface Staff {
  readonly all: readonly Member[];
  readonly name: (practitioner: string) => string | undefined;
}

export function useStaff(): Staff {
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: ["staff", organisation],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/staff", { path: { organisation }, signal }),
    staleTime: 60_000,
  });
  const all = found.data?.staff ?? [];
  return { all, name: (id) => all.find((each) => each.practitioner === id)?.name };
}
