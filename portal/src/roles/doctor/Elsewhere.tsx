/** Records at other hospitals that their owners opened to the doctor: choose, sign, read. */
import { Button, Group, Paper, Stack, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, get } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage, usePath } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useOwn } from "../../who";
import { AskedFor } from "./AskedFor";
import { useCategories } from "./categories";
import { OpenGrant } from "./OpenGrant";
import { WithKey } from "./WithKey";

export type Received = AnswerOf<"/v1/organisations/{organisation}/grants">["grants"][number];

const KEY = "received-grants";

export default function Elsewhere(): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const queries = useQueryClient();
  const { organisation } = useOwn();
  const [chosen, setChosen] = useState<Received>();
  const found = useQuery({
    queryKey: [KEY, organisation],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/grants", { path: { organisation }, signal }),
  });
  useLive({ after: "latest", capability: "consent" }, () => {
    void queries.invalidateQueries({ queryKey: [KEY] });
  });
  return (
    <>
      <PageTitle tab={say("elsewhere/title")}>{say("elsewhere/title")}</PageTitle>
      <p>{say("elsewhere/about")}</p>
      {chosen === undefined ? (
        <>
          <Query of={found}>{({ grants }) => <Grants of={grants} choose={setChosen} />}</Query>
          <Button component={Link} to={path("doctor/ask")} size="md" variant="outline" mt="md">
            {say("elsewhere/ask")}
          </Button>
          <AskedFor />
        </>
      ) : (
        <WithKey>
          {(key) => (
            <OpenGrant
              of={chosen}
              by={key}
              leave={() => {
                setChosen(undefined);
              }}
            />
          )}
        </WithKey>
      )}
    </>
  );
}

interface GrantsProps {
  readonly of: readonly Received[];
  readonly choose: (one: Received) => void;
}

export function Grants({ of, choose }: GrantsProps): ReactNode {
  const say = useText("portal_doctor");
  const language = useLanguage();
  const categories = useCategories();
  const list = new Intl.ListFormat(language, { type: "conjunction" });
  if (of.length === 0) {
    return <Empty>{say("elsewhere/nothing")}</Empty>;
  }
  return (
    <Stack component="ul" className="lines" gap="sm" aria-label={say("elsewhere/title")}>
      {of.map((each) => (
        <Paper component="li" withBorder p="md" key={each.grant}>
          <Group justify="space-between" gap="sm">
            <div>
              <Text component="p" fw={700} size="lg">
                <SubjectName id={each.holder} />
              </Text>
              <p>{list.format(each.categories.map(categories))}</p>
              <p>{say(each.named ? "elsewhere/to_you" : "elsewhere/to_all")}</p>
              <Text component="p" c="dimmed">
                {say("elsewhere/until")} <Moment at={each.ends} />
              </Text>
            </div>
            <Button
              size="lg"
              onClick={() => {
                choose(each);
              }}
            >
              {say("elsewhere/open")}
            </Button>
          </Group>
        </Paper>
      ))}
    </Stack>
  );
}
