/** Who is being treated now, and ending an encounter that is over. */
import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { post } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage, usePath } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { useStaff } from "./staff";
import { useVisits, type Visit, VISITS } from "./visiting";

export default function Visits(): ReactNode {
  const say = useText("portal_desk");
  const queries = useQueryClient();
  const found = useVisits();
  useLive({ after: "latest", capability: "care" }, () => {
    void queries.invalidateQueries({ queryKey: [VISITS] });
  });
  return (
    <>
      <PageTitle tab={say("visits/title")}>{say("visits/title")}</PageTitle>
      <p>{say("visits/about")}</p>
      <Query of={found}>
        {(persons) =>
          persons.length === 0 ? (
            <Empty>{say("visits/nobody")}</Empty>
          ) : (
            <Stack component="ul" className="lines" gap="sm" aria-label={say("visits/title")}>
              {persons.map((each) => (
                <Paper component="li" withBorder p="md" key={each.relation.relation}>
                  <One of={each} />
                </Paper>
              ))}
            </Stack>
          )
        }
      </Query>
    </>
  );
}

function One({ of }: { of: Visit }): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const language = useLanguage();
  const staff = useStaff();
  const { relation } = of;
  const name = of.name ?? say("visits/nameless");
  const team = relation.team.map((each) => staff.name(each)).filter((each) => each !== undefined);
  return (
    <>
      <Text component="p" fw={700} size="lg">
        <Link to={path(`desk/persons/${of.person}`)}>{name}</Link>
      </Text>
      {team.length === 0 ? null : <p>{new Intl.ListFormat(language).format(team)}</p>}
      {relation.opened === null ? null : (
        <p>
          {say("treated/since")} <Moment at={relation.opened} />
        </p>
      )}
      {relation.kind === "encounter" ? <End encounter={relation.relation} name={name} /> : null}
    </>
  );
}

/** Asked twice, for ending takes the doctors' way to the record away. */
function End({ encounter, name }: { encounter: string; name: string }): ReactNode {
  const say = useText("portal_desk");
  const queries = useQueryClient();
  const { organisation } = useOwn();
  const [sure, setSure] = useState(false);
  const end = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/encounters/{encounter}/close", {
        path: { organisation, encounter },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: [VISITS] }),
  });
  if (!sure) {
    return (
      <Button
        variant="outline"
        size="md"
        onClick={() => {
          setSure(true);
        }}
      >
        {say("visits/end", { name })}
      </Button>
    );
  }
  return (
    <>
      <p>{say("visits/sure")}</p>
      <Group>
        <Button
          variant="outline"
          size="md"
          onClick={() => {
            setSure(false);
          }}
        >
          {say("visits/keep")}
        </Button>
        <Button
          variant="outline"
          size="md"
          loading={end.isPending}
          onClick={() => {
            end.mutate();
          }}
        >
          {say("visits/end_now")}
        </Button>
      </Group>
      {end.isError ? <ProblemNotice error={end.error} /> : null}
    </>
  );
}
