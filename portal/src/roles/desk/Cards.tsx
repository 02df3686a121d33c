/** A person's cards: which there are, ending one that was lost, and making a new one. */
import { Button, Group, Paper } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type AnswerOf, get, post } from "../../api";
import { moment, Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { Picture } from "./Picture";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/cards";
const CARDS = "cards";

type Line = AnswerOf<typeof ROUTE>["cards"][number];

export function Cards({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const queries = useQueryClient();
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: [CARDS, organisation, person],
    queryFn: ({ signal }) => get(ROUTE, { path: { organisation, person }, signal }),
  });
  const again = (): Promise<void> => queries.invalidateQueries({ queryKey: [CARDS, organisation, person] });
  return (
    <Paper component="section" withBorder p="md">
      <h2>{say("card/title")}</h2>
      <p>{say("card/about")}</p>
      <Query of={found}>
        {({ cards }) =>
          cards.length === 0 ? (
            <p>{say("card/none")}</p>
          ) : (
            <ul className="lines" aria-label={say("card/all")}>
              {cards.map((each) => (
                <li key={each.card}>
                  <One of={each} changed={again} />
                </li>
              ))}
            </ul>
          )
        }
      </Query>
      <Make person={person} made={again} />
    </Paper>
  );
}

interface Props {
  readonly of: Line;
  readonly changed: () => Promise<void>;
}

/** Asked twice, for a card that has ended never finds anybody again. */
function One({ of, changed }: Props): ReactNode {
  const say = useText("portal_desk");
  const language = useLanguage();
  const { organisation } = useOwn();
  const [sure, setSure] = useState(false);
  const end = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/cards/revoke", {
        path: { organisation },
        body: { card: of.card },
      }),
    onSuccess: changed,
  });
  return (
    <>
      {say("card/made")} <Moment at={of.issued} />
      {of.ended !== null ? (
        <>
          {" · "}
          {say("card/ended")} <Moment at={of.ended} />
        </>
      ) : sure ? (
        <>
          <p>{say("card/sure")}</p>
          <Group>
            <Button variant="outline" size="md" onClick={() => { setSure(false); }}>
              {say("card/keep")}
            </Button>
            <Button variant="outline" size="md" loading={end.isPending} onClick={() => { end.mutate(); }}>
              {say("card/end_now")}
            </Button>
          </Group>
        </>
      ) : (
        <div>
          <Button variant="outline" size="md" onClick={() => { setSure(true); }}>
            {say("card/end", { time: moment(of.issued, language) })}
          </Button>
        </div>
      )}
      <div aria-live="polite">{end.isError ? <ProblemNotice error={end.error} /> : null}</div>
    </>
  );
}

function Make({ person, made }: { person: string; made: () => Promise<void> }): ReactNode {
  const say = useText("portal_desk");
  const { organisation } = useOwn();
  const issue = useMutation({
    mutationFn: () => post(ROUTE, { path: { organisation, person } }),
    onSuccess: made,
  });
  return (
    <>
      {issue.data === undefined ? (
        <Button size="lg" variant="outline" mt="sm" loading={issue.isPending} onClick={() => { issue.mutate(); }}>
          {say("card/make")}
        </Button>
      ) : (
        <div role="status">
          <p>{say("card/once")}</p>
          <Picture of={issue.data.qr} label={say("card/qr")} />
          <p>
            {say("card/text")} <code translate="no">{issue.data.text}</code>
          </p>
          <Button variant="outline" size="md" onClick={() => { window.print(); }}>
            {say("card/print")}
          </Button>
        </div>
      )}
      {issue.isError ? <ProblemNotice error={issue.error} /> : null}
    </>
  );
}
