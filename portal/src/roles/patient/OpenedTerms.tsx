/** Terms in words, held against their commitment in this browser before anything is said of them. */
import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Query } from "../../components/Query";
import { useLanguage } from "../../language";
import { door } from "../../session";
import { makeBody, type Message, newId, type Opened, openedSentence, plainSpeech } from "../../sign";
import { load } from "../../sign/words";
import { usePatientText } from "./acting";
import { useMe } from "./reading";

interface Props {
  readonly message: Message;
  readonly opened: Opened;
  readonly names: ReadonlyMap<string, string>;
}

export function OpenedTerms({ message, opened, names }: Props): ReactNode {
  const say = usePatientText();
  const language = useLanguage();
  const me = useMe();
  const said = useQuery({
    queryKey: ["terms-opened", JSON.stringify(message), language, [...names]],
    queryFn: async () => {
      const { chain } = await door();
      const [sender, payer, signers] = [me.person, me.organisation, [newId()]];
      const bytes = makeBody({ chain, sender, payer, signers, messages: [message], now: Date.now() });
      const own = (await load(language, []))("portal_sign");
      return openedSentence(opened, bytes, plainSpeech(language, own, { names }), own);
    },
    staleTime: Infinity,
  });
  return (
    <Query of={said}>
      {({ sentence, lines, details }) => (
        <>
          <Text component="p" fw={600} size="lg">{sentence}</Text>
          <ul>
            {lines.map((each) => <li key={each}>{each}</li>)}
          </ul>
          <details>
            <summary>{say("details")}</summary>
            <dl className="facts">
              {details.map((each) => (
                <div key={each.place}>
                  <dt>{each.label}</dt>
                  <dd>{each.value}</dd>
                </div>
              ))}
            </dl>
          </details>
        </>
      )}
    </Query>
  );
}
