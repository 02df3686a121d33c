/** What waits in a queue, followed by a component, and sent again as soon as it may arrive. */
import { useCallback, useEffect, useState } from "react";

import type { Queue, Waits } from "./waiting";

const EVERY = 15_000;

/**
 * Gives what waits and what was refused later, and the way to send it now.
 *
 * `sent` is told when something was answered. Both functions must stay the same between renders.
 */
export function useQueue<L extends Waits, T>(
  of: Queue<L>,
  owner: string,
  send: (line: L) => Promise<T>,
  sent: () => void,
): readonly [readonly L[], () => void] {
  const [found, setFound] = useState<readonly L[]>([]);
  const sendNow = useCallback((): void => {
    void of.sendWaiting(owner, send).then((outcomes) => {
      if (outcomes.size > 0) sent();
    });
  }, [of, owner, send, sent]);
  useEffect(() => {
    const look = (): void => {
      void of.lines(owner).then(setFound);
    };
    look();
    return of.onChange(look);
  }, [of, owner]);
  const any = found.some((each) => each.refused === undefined);
  useEffect(() => {
    if (!any) return undefined;
    const timer = setInterval(sendNow, EVERY);
    window.addEventListener("online", sendNow);
    sendNow();
    return () => {
      clearInterval(timer);
      window.removeEventListener("online", sendNow);
    };
  }, [any, sendNow]);
  return [found, sendNow];
}
