/** Links that open a few records once, without an account: made, listed, taken back. */
import { Button, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type AnswerOf, get, remove } from "../../api";
import { moment, Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { MakeLink } from "./MakeLink";
import { useFresh, useMe } from "./reading";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/health-links";

type HealthLink = AnswerOf<typeof ROUTE>["health_links"][number];

export default function Links(): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const [making, setMaking] = useState(false);
  const found = useQuery({
    queryKey: ["patient", me.person, "links"],
    queryFn: async ({ signal }) => (await get(ROUTE, { path: { ...me }, signal })).health_links,
  });
  useFresh();
  return (
    <>
      <PageTitle tab={say("links/title")}>{say("links/title")}</PageTitle>
      <p>{say("links/about")}</p>
      {making ? (
        <MakeLink onDone={() => { setMaking(false); }} />
      ) : (
        <Button size="lg" onClick={() => { setMaking(true); }}>{say("links/make")}</Button>
      )}
      <Title order={2} mt="xl">{say("links/mine")}</Title>
      <Query of={found}>
        {(links) =>
          links.length === 0 ? (
            <Empty>{say("links/none")}</Empty>
          ) : (
            <ul className="lines">
              {links.map((each) => (
                <LinkLine key={each.link} of={each} />
              ))}
            </ul>
          )
        }
      </Query>
    </>
  );
}

function LinkLine({ of }: { of: HealthLink }): ReactNode {
  const say = useText("portal_patient");
  const language = useLanguage();
  const me = useMe();
  const queries = useQueryClient();
  const label = of.label === "" ? say("links/unnamed") : of.label;
  const revoke = useMutation({
    mutationFn: () => remove(`${ROUTE}/{link}`, { path: { ...me, link: of.link } }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["patient", me.person] }),
  });
  return (
    <li>
      <strong>{label}</strong>
      <div>{say(`links/states/${of.state}`, { expires: moment(of.expires, language) })}</div>
      {of.openings.map((each) => (
        <div key={each.opening}>
          {say("links/opened", { who: each.recipient_unverified ?? say("links/nobody") })}{" "}
          <Moment at={each.time} />
        </div>
      ))}
      <div aria-live="polite">{revoke.isError ? <ProblemNotice error={revoke.error} /> : null}</div>
      {of.state === "standing" ? (
        <Button
          size="md"
          variant="outline"
          loading={revoke.isPending}
          aria-label={say("links/revoke_of", { label })}
          onClick={() => { revoke.mutate(); }}
        >
          {say("links/revoke")}
        </Button>
      ) : null}
    </li>
  );
}
