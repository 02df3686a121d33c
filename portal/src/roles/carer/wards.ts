/** For whom the reader may act, as the chain says now. */
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { useLive } from "../../live";
import { useText } from "../../text";
import { useOwn } from "../../who";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/wards";

export type Ward = AnswerOf<typeof ROUTE>["wards"][number];

export function useWards(): UseQueryResult<Ward[]> {
  const { subject: person, organisation } = useOwn();
  const queries = useQueryClient();
  const queryKey = ["wards", person];
  // Whoever is named or ended stands in such an event.
  useLive({ after: "latest", id: person }, () => void queries.invalidateQueries({ queryKey }));
  return useQuery({
    queryKey,
    queryFn: async ({ signal }) =>
      (await get(ROUTE, { path: { organisation, person }, signal })).wards,
  });
}

/** What somebody is called here. */
export function useNameOf(): (ward: Ward) => string {
  const say = useText("portal_carer");
  return (ward) => ward.name ?? say("no_name", { number: ward.person.slice(0, 8) });
}
