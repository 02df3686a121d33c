/** Who is waiting for the doctor, and the way to their record. */
import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient, type UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { type AnswerOf, get } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { DraftsNotice } from "./writing/DraftsNotice";

export type Attended = AnswerOf<"/v1/organisations/{organisation}/encounters">["persons"][number];

export const WAITING = "waiting";

export function useWaiting(): UseQueryResult<readonly Attended[]> {
  const { organisation } = useOwn();
  return useQuery({
    queryKey: [WAITING, organisation],
    queryFn: async ({ signal }) => {
      const path = { organisation };
      return (await get("/v1/organisations/{organisation}/encounters", { path, signal })).persons;
    },
  });
}

export default function Waiting(): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const queries = useQueryClient();
  const found = useWaiting();
  useLive({ after: "latest", capability: "care" }, () => {
    void queries.invalidateQueries({ queryKey: [WAITING] });
  });
  return (
    <>
      <PageTitle tab={say("waiting/title")}>{say("waiting/title")}</PageTitle>
      <p>{say("waiting/about")}</p>
      <DraftsNotice />
      <div aria-live="polite">
        <Query of={found}>{(persons) => <Persons of={persons} />}</Query>
      </div>
      <Button component={Link} to={path("doctor/begin")} variant="outline" size="md" mt="lg">
        {say("begin/title")}
      </Button>
    </>
  );
}

export function Persons({ of }: { of: readonly Attended[] }): ReactNode {
  const say = useText("portal_doctor");
  if (of.length === 0) {
    return <Empty>{say("waiting/nobody")}</Empty>;
  }
  return (
    <Stack component="ul" className="lines" gap="sm" aria-label={say("waiting/title")}>
      {of.map((each) => (
        <Paper component="li" withBorder p="md" key={each.relation.relation}>
          <One of={each} />
        </Paper>
      ))}
    </Stack>
  );
}

function One({ of }: { of: Attended }): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const name = of.name ?? say("waiting/nameless");
  return (
    <Group justify="space-between" gap="sm">
      <div>
        <Text component="p" fw={700} size="lg" translate="no">
          {name}
        </Text>
        {of.provisional ? <p>{say("waiting/provisional")}</p> : null}
        {of.born === null ? null : <p>{say("waiting/born", { born: of.born })}</p>}
        {of.relation.opened === null ? null : (
          <Text component="p" c="dimmed">
            {say("waiting/since")} <Moment at={of.relation.opened} />
          </Text>
        )}
      </div>
      <Button component={Link} to={path(`doctor/persons/${of.person}`)} size="lg">
        {say("waiting/open", { name })}
      </Button>
    </Group>
  );
}
