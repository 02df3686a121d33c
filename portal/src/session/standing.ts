/** Keeps what somebody is in step with the chain while they are signed in. */
import { useQuery } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { get } from "../api";
import { useWho } from "../who";
import { refresh, session } from "./session";

/** How often the chain's licences are looked at; whoever reads the page notices within a minute. */
const EVERY = 30_000;
/** Timers cannot wait longer than some weeks. */
const LONGEST = 86_400_000;

/**
 * Asks the node anew when a practitioner's licences changed, and when the next one ends.
 *
 * The list of licences is public and no part of the audit trail, so looking at it keeps no session
 * alive and leaves no entries.
 */
export function useStanding(): void {
  const who = useWho();
  const practitioner = who?.kind === "practitioner" && who.level === 2 ? who.subject : "";
  const { data } = useQuery({
    queryKey: ["licences-of", practitioner],
    enabled: practitioner !== "",
    queryFn: async ({ signal }) => {
      const query = { practitioner, limit: 200 };
      return JSON.stringify((await get("/v1/identity/licences", { query, signal })).items);
    },
    refetchInterval: EVERY,
    refetchOnWindowFocus: true,
    retry: false,
  });
  const seen = useRef({ practitioner, data });
  useEffect(() => {
    const before = seen.current;
    seen.current = { practitioner, data };
    const same = before.practitioner === practitioner;
    if (same && before.data !== undefined && before.data !== data) void refresh();
  }, [practitioner, data]);
  useEffect(() => {
    const ends = session()?.signedIn.standing?.licences.map((each) => each.ends) ?? [];
    if (practitioner === "" || ends.length === 0) return;
    const left = Math.min(...ends) - Date.now() - (session()?.ahead ?? 0);
    const timer = setTimeout(() => void refresh(), Math.min(Math.max(left, 0) + 1_000, LONGEST));
    return () => {
      clearTimeout(timer);
    };
  }, [practitioner, who]);
}
