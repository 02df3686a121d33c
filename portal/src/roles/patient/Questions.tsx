/** What others ask to see. An answer opens what the person chooses; no answer, and a refusal, nothing. */
import { Button, SimpleGrid } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage } from "../../language";
import { useKnows } from "../../text";
import { useMayShare, useMine, usePatientText } from "./acting";
import { type Ask, useAsks, useFresh } from "./reading";
import { RefuseAsk } from "./RefuseAsk";
import { day, useNames, useWords } from "./words";

export default function Questions(): ReactNode {
  const say = usePatientText();
  const found = useAsks();
  const names = useNames((found.data ?? []).map((each) => each.organisation));
  useFresh();
  return (
    <>
      <PageTitle tab={say("questions/title")}>{say("questions/title")}</PageTitle>
      <p>{say("questions/about")}</p>
      <Query of={found}>
        {(asks) =>
          asks.length === 0 ? (
            <Empty>{say("questions/none")}</Empty>
          ) : (
            <ul className="lines">
              {asks.map((each) => (
                <Question key={each.ask} of={each} house={names.get(each.organisation)} />
              ))}
            </ul>
          )
        }
      </Query>
    </>
  );
}

function Question({ of, house }: { of: Ask; house: string | undefined }): ReactNode {
  const say = usePatientText();
  const knows = useKnows("portal_patient");
  const words = useWords();
  const language = useLanguage();
  const mine = useMine();
  const [refusing, setRefusing] = useState(false);
  const grants = useMayShare();
  const organisation = house ?? say("looked/unknown_house");
  const ends = day(of.refused ?? of.ends, language);
  const reason = knows(`questions/reasons/${of.reason}`) ? say(`questions/reasons/${of.reason}`) : of.reason;
  return (
    <li>
      <strong>{say("questions/who", { organisation })}</strong>
      <div>
        {say("questions/what", {
          what: words.list("categories", of.categories),
          purpose: words.list("purposes", of.purposes),
          count: of.days,
        })}
      </div>
      <div>{say("questions/reason", { reason })}</div>
      <div role={of.status === "refused" ? "status" : undefined}>
        {say(`questions/status/${of.status}`, { ends })}
      </div>
      {of.words === "" ? null : <div>{say("questions/my_words", { words: of.words })}</div>}
      {of.status !== "waiting" || !grants ? null : refusing ? (
        <RefuseAsk of={of} onBack={() => { setRefusing(false); }} />
      ) : (
        <SimpleGrid cols={{ base: 1, xs: 2 }} mt="sm">
          <Button size="lg" variant="outline" onClick={() => { setRefusing(true); }}>
            {say("share/refuse")}
          </Button>
          <Button
            component={Link}
            size="lg"
            variant="outline"
            to={`${mine("share")}?question=${of.ask}`}
          >
            {say("questions/choose")}
          </Button>
        </SimpleGrid>
      )}
    </li>
  );
}
