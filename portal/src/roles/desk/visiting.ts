/** Whom anybody of the own organisation treats now. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { useOwn } from "../../who";

export type Visit = AnswerOf<"/v1/organisations/{organisation}/encounters">["persons"][number];

export const VISITS = "visits";

export function useVisits(): UseQueryResult<readonly Visit[]> {
  const { organisation } = useOwn();
  return useQuery({
    queryKey: [VISITS, organisation],
    queryFn: async ({ signal }) => {
      const path = { organisation };
      return (await get("/v1/organisations/{organisation}/encounters", { path, signal })).persons;
    },
  });
}
