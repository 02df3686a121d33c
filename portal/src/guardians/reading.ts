/** How a person stands with their guardians, and who waits for this guardian. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../api";
import { useMe } from "../roles/patient/reading";
import { useOwn } from "../who";
import { guardianKeys, type GuardianKey } from "./keep";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/new-key";
const GUARDED = "/v1/organisations/{organisation}/guarded";
/** How often it is looked at whether a guardian approved, or somebody waits: no event tells. */
export const EVERY = 5_000;
const SHOWN = 8;

export type NewKeyState = AnswerOf<typeof ROUTE>;
export type Guarded = AnswerOf<typeof GUARDED>["waiting"][number];

/** Read again with everything else of the person (`useFresh`), and while something waits. */
export function useNewKey(): UseQueryResult<NewKeyState> {
  const me = useMe();
  return useQuery({
    queryKey: ["patient", me.person, "new-key"],
    queryFn: ({ signal }) => get(ROUTE, { path: { ...me }, signal }),
    refetchInterval: ({ state: { data } }) =>
      data?.request == null && data?.running == null ? false : EVERY,
  });
}

export function useGuardianKeys(): UseQueryResult<GuardianKey[]> {
  const own = useOwn();
  return useQuery({
    queryKey: ["guardian-keys", own.subject],
    queryFn: () => guardianKeys(own.subject),
    networkMode: "always",
  });
}

export function useGuarded(keys: readonly GuardianKey[]): UseQueryResult<Guarded[]> {
  const { subject, organisation } = useOwn();
  const guardian = keys.slice(0, 32).map((each) => each.commitment).join(",");
  return useQuery({
    queryKey: ["guarded", subject, guardian],
    enabled: guardian !== "",
    queryFn: async ({ signal }) =>
      (await get(GUARDED, { path: { organisation }, query: { guardian }, signal })).waiting,
    refetchInterval: EVERY,
  });
}

/** What both see of a new key, so that it can be compared by telephone: `abcd efgh`. */
export function comparable(id: string): string {
  return `${id.slice(0, SHOWN / 2)} ${id.slice(SHOWN / 2, SHOWN)}`;
}
