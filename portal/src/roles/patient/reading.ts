/** What the pages of a person read, each under a name of its own, and when it is read again. */
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { useLive } from "../../live";
import { type KeptKey, readingKey } from "../../reading";
import { useWho } from "../../who";
import { subjectQuery } from "../../components/SubjectName";
import { useActing, useMay } from "./acting";

const BASE = "/v1/organisations/{organisation}/persons/{person}";
const DAY = 86_400_000;
const PAGES = 20;

export interface Me {
  readonly organisation: string;
  readonly person: string;
}

export type PersonGrant =
  AnswerOf<"/v1/organisations/{organisation}/persons/{person}/grants">["grants"][number];
export type Disclosure =
  AnswerOf<"/v1/organisations/{organisation}/persons/{person}/disclosures">["disclosures"][number];
export type Notice =
  AnswerOf<"/v1/organisations/{organisation}/persons/{person}/notices">["notices"][number];
export type Ask = AnswerOf<"/v1/organisations/{organisation}/persons/{person}/asks">["asks"][number];
export type Known =
  AnswerOf<"/v1/organisations/{organisation}/persons/{person}/records">["entries"][number];
export type Entry =
  AnswerOf<"/v1/organisations/{organisation}/persons/{person}/timeline">["entries"][number];
export type Emergency =
  AnswerOf<"/v1/organisations/{organisation}/persons/{person}/emergencies">["accesses"][number];

/** Whose pages these are, as the addresses of the node name them. */
export function useMe(): Me {
  const who = useWho();
  const acting = useActing();
  return { organisation: who?.organisation ?? "", person: acting?.person ?? who?.subject ?? "" };
}

const name = (me: Me, what: string): string[] => ["patient", me.person, what];

/** Reads everything anew as soon as something happens to the person on the chain. */
export function useFresh(): () => Promise<void> {
  const me = useMe();
  const queries = useQueryClient();
  const again = (): Promise<void> =>
    queries.invalidateQueries({ queryKey: ["patient", me.person] });
  useLive({ after: "latest", id: me.person }, () => void again());
  return again;
}

/** Whether the organisation signs for the person; undefined until that is known. */
export function useCustody(): boolean | undefined {
  const { data } = useQuery(subjectQuery(useMe().person));
  return data === undefined ? undefined : data.value.custody === true;
}

/** Whether the organisation signs what is done here; whoever acts for another signs themself. */
export function useHouseSigns(): boolean | undefined {
  const acting = useActing();
  const custody = useCustody();
  return acting === undefined ? custody : false;
}

export function useGrants(): UseQueryResult<PersonGrant[]> {
  const me = useMe();
  return useQuery({
    queryKey: name(me, "grants"),
    queryFn: async ({ signal }) => (await get(`${BASE}/grants`, { path: me, signal })).grants,
  });
}

export function useNotices(): UseQueryResult<Notice[]> {
  const me = useMe();
  return useQuery({
    enabled: useMay("read"),
    queryKey: name(me, "notices"),
    queryFn: async ({ signal }) => (await get(`${BASE}/notices`, { path: me, signal })).notices,
  });
}

export function useAsks(): UseQueryResult<Ask[]> {
  const me = useMe();
  const grants = useMay("grant");
  const reads = useMay("read");
  return useQuery({
    enabled: grants || reads,
    queryKey: name(me, "asks"),
    queryFn: async ({ signal }) => (await get(`${BASE}/asks`, { path: me, signal })).asks,
  });
}

/** A question that waits, as it was when its answer was begun; null where none waits. */
export function useWaiting(ask: string): UseQueryResult<Ask | null> {
  const me = useMe();
  return useQuery({
    queryKey: ["answering", me.person, ask],
    queryFn: async ({ signal }) => {
      const { asks } = await get(`${BASE}/asks`, { path: me, signal });
      return asks.find((each) => each.ask === ask && each.status === "waiting") ?? null;
    },
    // Once it is answered it waits no more, and what was answered stays in sight.
    staleTime: Infinity,
    gcTime: 0,
  });
}

export function useKnown(): UseQueryResult<Known[]> {
  const me = useMe();
  return useQuery({
    enabled: useMay("read"),
    queryKey: name(me, "records"),
    queryFn: async ({ signal }) => (await get(`${BASE}/records`, { path: me, signal })).entries,
  });
}

export function useEmergencies(): UseQueryResult<Emergency[]> {
  const me = useMe();
  return useQuery({
    queryKey: name(me, "emergencies"),
    queryFn: async ({ signal }) =>
      (await get(`${BASE}/emergencies`, { path: me, signal })).accesses,
  });
}

/** Reads the whole timeline; each reading is journalled, so it is not read again by itself. */
export function useTimeline(): UseQueryResult<Entry[]> {
  const me = useMe();
  return useQuery({
    queryKey: ["patient-timeline", me.person],
    queryFn: async ({ signal }) =>
      (await get(`${BASE}/timeline`, { path: me, query: { content: "true" }, signal })).entries,
    staleTime: Infinity,
  });
}

/** The reading key of this device; null where there is none, or the browser keeps nothing. */
export function useReadingKey(): UseQueryResult<KeptKey | null> {
  const { person } = useMe();
  // A device reads for its own person: who acts for another reads what the hospital opens.
  const own = useActing() === undefined;
  return useQuery({
    queryKey: ["reading-key", person, own],
    queryFn: () => (own ? readingKey(person).catch(() => null) : null),
    networkMode: "always",
    staleTime: Infinity,
  });
}

/** Who looked in the last `days`, the newest first; undefined for all time. */
export function useDisclosures(days?: number): UseQueryResult<Disclosure[]> {
  const me = useMe();
  return useQuery({
    enabled: useMay("read"),
    queryKey: [...name(me, "disclosures"), days ?? "all"],
    queryFn: async ({ signal }) => {
      const since = days === undefined ? undefined : Date.now() - days * DAY;
      return (await allDisclosures(me, since, signal)).reverse();
    },
  });
}

async function allDisclosures(
  me: Me, since: number | undefined, signal: AbortSignal,
): Promise<Disclosure[]> {
  const found: Disclosure[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const query = { limit: 100, ...(since && { since }), ...(cursor && { cursor }) };
    const answer = await get(`${BASE}/disclosures`, { path: me, query, signal });
    found.push(...answer.disclosures);
    cursor = answer.next ?? undefined;
    if (cursor === undefined) break;
  }
  return found;
}
