/** Who may act for a person, as the chain says, and what naming one takes. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import type { Say } from "../../text";
import type { Power } from "./acting";
import { useMe } from "./reading";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/carers";
const DAY = 86_400_000;

export type Carer = AnswerOf<typeof ROUTE>["carers"][number];
export type Lasts = "month" | "year" | "long";
export type Choice = "read" | "grant" | "revoke";

export const LASTS: readonly Lasts[] = ["month", "year", "long"];
export const CHOICES: readonly Choice[] = ["read", "grant", "revoke"];
const DAYS: Readonly<Record<Lasts, number>> = { month: 30, year: 365, long: 3660 };

export function useCarers(): UseQueryResult<Carer[]> {
  const me = useMe();
  return useQuery({
    queryKey: ["patient", me.person, "carers"],
    queryFn: async ({ signal }) => (await get(ROUTE, { path: me, signal })).carers,
  });
}

/** What a carer is called: who was not met by a code has a number alone. */
export function carerName(of: { custodian: string; name: string | null }, say: Say): string {
  return of.name ?? say("carers/no_name", { number: of.custodian.slice(0, 8) });
}

/** The powers behind what was chosen, in order: who shares must see what there is. */
export function powersOf(chosen: readonly string[]): Power[] {
  const asked = new Set<Power>(CHOICES.filter((each) => chosen.includes(each)));
  if (asked.has("grant")) asked.add("read");
  return [...asked].sort();
}

/** When it ends (ms), for what lasts so long from now. */
export function endOf(lasts: Lasts, now: number): number {
  return Math.round(now) + DAYS[lasts] * DAY;
}
