/** What happens on the chain moves packs here too: it is asked for again when something is recorded. */
import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef } from "react";

import { useLive } from "../../live";
import { useOrganisation } from "./calls";

/** At once, and when the node has worked out what follows from it; in milliseconds. */
const AGAIN = [200, 2_500] as const;
const WITHOUT_STREAM = 15_000;

/**
 * Keeps what is shown new by the event stream. Gives how often to ask where there is no stream (ms),
 * for `refetchInterval`.
 */
export function useNews(): number | false {
  const organisation = useOrganisation();
  const queries = useQueryClient();
  const waiting = useRef(new Map<number, ReturnType<typeof setTimeout>>());
  const connection = useLive({ after: "latest", capability: "supply" }, () => {
    // Everybody posts at the same time: one question for all of that.
    for (const delay of AGAIN.filter((each) => !waiting.current.has(each))) {
      const timer = setTimeout(() => {
        waiting.current.delete(delay);
        const queryKey = ["supply", organisation];
        void queries.invalidateQueries({ queryKey }, { cancelRefetch: false });
      }, delay);
      waiting.current.set(delay, timer);
    }
  });
  useEffect(() => {
    const timers = waiting.current;
    return () => {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    };
  }, []);
  return connection === "open" ? false : WITHOUT_STREAM;
}
