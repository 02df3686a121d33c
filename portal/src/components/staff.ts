/** Who works here, by name, as the organisation's own directory has them. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../api";

export type StaffMember = AnswerOf<"/v1/organisations/{organisation}/staff">["staff"][number];

export function useStaff(organisation: string): UseQueryResult<StaffMember[]> {
  return useQuery({
    queryKey: ["staff", organisation],
    queryFn: async ({ signal }) => {
      const path = { organisation };
      return (await get("/v1/organisations/{organisation}/staff", { path, signal })).staff;
    },
    staleTime: 60_000,
  });
}
