/** What a person with a key of their own signs on this device. */
import { Alert, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Query } from "../../components/Query";
import { deviceKeys, type Entry, makeBody, type Message, type Opened, WhatIsSigned } from "../../sign";
import { door } from "../../session";
import { usePath } from "../../language";
import { useWho } from "../../who";
import { useActing, usePatientText } from "./acting";
import { useMe } from "./reading";

interface Props {
  readonly messages: readonly Message[];
  readonly opened?: Record<number, Opened>;
  readonly names?: ReadonlyMap<string, string>;
  readonly onAnswer?: (entry: Entry) => void;
  readonly onDecline: () => void;
}

const NO_NAMES = new Map<string, string>();

export function OwnSigning({ messages, onDecline, names, ...more }: Props): ReactNode {
  const say = usePatientText();
  const path = usePath();
  const me = useMe();
  const signer = useWho()?.subject ?? "";
  const acting = useActing();
  // Made once: the bytes that are shown are those that are signed.
  const made = useQuery({
    queryKey: ["own-signing", signer, me.person, JSON.stringify(messages)],
    queryFn: async () => {
      const key = (await deviceKeys(signer))[0];
      if (key === undefined) return null;
      const { chain } = await door();
      const now = Date.now();
      const { person, organisation: payer } = me;
      const onBehalfOf = person === signer ? undefined : person;
      const signers = [key.id];
      return makeBody({ chain, sender: signer, payer, signers, messages: [...messages], onBehalfOf, now });
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
            <p>
              <Link to={path("my/new-key")}>{say("no_key/lost")}</Link>
            </p>
          </Alert>
        ) : (
          <WhatIsSigned
            bytes={bytes}
            names={acting === undefined ? (names ?? NO_NAMES) : new Map([...(names ?? []), [acting.person, acting.name]])}
            onDecline={onDecline}
            {...more}
          />
        )
      }
    </Query>
  );
}
