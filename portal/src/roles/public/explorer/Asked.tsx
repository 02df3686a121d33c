/** What a transaction asked for and who signed it, read out of its receipt: the exact bytes. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { get } from "../../../api";
import { Facts } from "../../../components/Facts";
import { Query } from "../../../components/Query";
import { type Language, useLanguage, usePath } from "../../../language";
import { encode, type Json } from "../../../sign/canonical";
import { type Said, sentence } from "../../../sign/sentence";
import { plainSpeech } from "../../../sign/speech";
import { useText } from "../../../text";
import { SectionTitle } from "./SectionTitle";
import { SubjectName } from "../../../components/SubjectName";

/** Unknown messages are refused by `sentence`: then it is said that they cannot be put in words. */
async function asked(hash: string, language: Language, signal: AbortSignal): Promise<Said | null> {
  const receipt = await get("/v1/transactions/{hash}/receipt", { path: { hash }, signal });
  const { transaction } = receipt as unknown as { transaction: string };
  const { body } = JSON.parse(transaction) as { body: Json };
  try {
    return await sentence(encode(body), language, (own) => plainSpeech(language, own));
  } catch {
    return null;
  }
}

export function Asked({ hash }: { hash: string }): ReactNode {
  const language = useLanguage();
  const say = useText("portal_public");
  const found = useQuery({
    queryKey: ["asked", hash, language],
    queryFn: ({ signal }) => asked(hash, language, signal),
    staleTime: Infinity,
  });
  return (
    <Query of={found}>
      {(said) => (said === null ? <p>{say("explorer/no_words")}</p> : <Shown of={said} />)}
    </Query>
  );
}

function Shown({ of: said }: { of: Said }): ReactNode {
  const say = useText("portal_public");
  const { sender, payer, on_behalf_of: behalf } = said.body;
  return (
    <>
      <SectionTitle>{say("explorer/asked")}</SectionTitle>
      <ul className="lines">
        {said.sentences.map((each, at) => (
          <li key={at}>{each.text}</li>
        ))}
      </ul>
      <Facts
        of={[
          [say("explorer/sender"), <Subject key="sender" id={sender} />],
          [
            say("explorer/on_behalf_of"),
            typeof behalf === "string" ? <Subject key="behalf" id={behalf} /> : undefined,
          ],
          [say("explorer/payer"), <Subject key="payer" id={payer} />],
        ]}
      />
    </>
  );
}

function Subject({ id }: { id: string }): ReactNode {
  const path = usePath();
  return (
    <Link to={path(`explorer/subjects/${id}`)}>
      <SubjectName id={id} />
    </Link>
  );
}
