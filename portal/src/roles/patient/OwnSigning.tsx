/** What a person with a key of their own signs on this device. */
import { Alert, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Query } from "../../components/Query";
import { deviceKeys, type Entry, makeBody, type Message, type Opened, WhatIsSigned } from "../../sign";
import { useText } from "../../text";
import { door } from "../../session";
import { useMe } from "./reading";

interface Props {
  readonly messages: readonly Message[];
  readonly opened?: Record<number, Opened>;
  readonly names?: ReadonlyMap<string, string>;
  readonly onAnswer?: (entry: Entry) => void;
  readonly onDecline: () => void;
}

export function OwnSigning({ messages, onDecline, ...more }: Props): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  // Made once: the bytes that are shown are those that are signed.
  const made = useQuery({
    queryKey: ["own-signing", JSON.stringify(messages)],
    queryFn: async () => {
      const key = (await deviceKeys(me.person))[0];
      if (key === undefined) return null;
      const { chain } = await door();
      const now = Date.now();
      const { person: sender, organisation: payer } = me;
      return makeBody({ chain, sender, payer, signers: [key.id], messages: [...messages], now });
    },
    staleTime: Infinity,
    gcTime: 0,
  });
  return (
    <Query of={made}>
      {(bytes) =>
        bytes === null ? (
          <Alert color="yellow" variant="outline">
            <Text component="p" fw={700} c="var(--amber-ink)">{say("no_key/title")}</Text>
            <p>{say("no_key/next")}</p>
          </Alert>
        ) : (
          <WhatIsSigned bytes={bytes} onDecline={onDecline} {...more} />
        )
      }
    </Query>
  );
}
