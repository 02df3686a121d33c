/** Where somebody practises: said on top, and nothing in it reaches the node or real data. */
import { Alert, Text } from "@mantine/core";
import { type QueryClient, QueryClientProvider } from "@tanstack/react-query";
import {
  createContext, type ReactNode, useContext, useEffect, useLayoutEffect, useMemo, useState,
} from "react";

import { setInside } from "../../../api";
import { useLanguage } from "../../../language";
import { ProofSource } from "../../../proof";
import { queryClient } from "../../../queries";
import { useText } from "../../../text";
import { FollowedBy } from "../../../sign";
import { PracticeWho, type Who } from "../../../who";
import { KEY_QUERY } from "../../doctor/signing-key";
import { PAPERS } from "./papers";
import { keyInName, useRehearsed } from "./rehearsed";
import { type Happening, World } from "./world";

const Here = createContext<World | undefined>(undefined);

interface Props {
  /** Who somebody is while they practise. */
  readonly as: Who;
  readonly children: ReactNode;
}

export function Practice({ as, children }: Props): ReactNode {
  const say = useText("portal_training");
  const language = useLanguage();
  const [now] = useState(() => Date.now());
  const world = useMemo(() => new World(language, now), [language, now]);
  // What was read while practising is kept nowhere else, and forgotten with the page.
  const queries = useMemo(() => practised(as), [world, as]); // eslint-disable-line react-hooks/exhaustive-deps
  useLayoutEffect(() => {
    setInside(world.answer);
    return () => {
      setInside(undefined);
    };
  }, [world]);
  return (
    <section aria-label={say("practice/name")} className="practice">
      <Alert color="yellow" variant="outline" role="note" mb="md">
        <Text component="p" fw={700}>
          <span aria-hidden="true">✎ </span>
          {say("practice/title")}
        </Text>
        <p>{say("practice/about")}</p>
      </Alert>
      <Here value={world}>
        <PracticeWho value={as}>
          <ProofSource value={PAPERS}>
            <FollowedBy value={useRehearsed}>
              <QueryClientProvider client={queries}>{children}</QueryClientProvider>
            </FollowedBy>
          </ProofSource>
        </PracticeWho>
      </Here>
    </section>
  );
}

/** Remembers nothing from elsewhere, and that this device can sign. */
function practised({ subject }: Who): QueryClient {
  const made = queryClient();
  made.setQueryDefaults([KEY_QUERY], { staleTime: Infinity });
  made.setQueryData([KEY_QUERY, subject], keyInName(subject));
  return made;
}

export function useWorld(): World {
  const found = useContext(Here);
  if (found === undefined) throw new Error("nobody practises here");
  return found;
}

/** Calls back when something was done in practice. */
export function useHappening(wanted: Happening, then: () => void): void {
  const world = useWorld();
  useEffect(
    () =>
      world.listen((what) => {
        if (what === wanted) then();
      }),
    [world, wanted, then],
  );
}
