/** What the desk knows of a person. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { useOwn } from "../../who";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}";

export type Entry = AnswerOf<typeof ROUTE>;

export function useEntry(person: string): UseQueryResult<Entry> {
  const { organisation } = useOwn();
  return useQuery({
    queryKey: ["desk-entry", organisation, person],
    queryFn: ({ signal }) => get(ROUTE, { path: { organisation, person }, signal }),
    gcTime: 0,
    enabled: person !== "",
  });
}
