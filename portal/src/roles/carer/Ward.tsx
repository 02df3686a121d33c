/** The frame of a page that is shown for another person: for whom one acts, always in sight. */
import { Alert, Button, Group, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link, NavLink, useParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useLanguage, usePath } from "../../language";
import { useText } from "../../text";
import { ActingFor, type Power } from "../patient/acting";
import { day } from "../patient/words";
import { useNameOf, useWards, type Ward as Found } from "./wards";

interface Props {
  /** What the page needs; who has less is told so. */
  readonly powers: readonly Power[];
  readonly children?: ReactNode;
}

export function Ward({ powers, children }: Props): ReactNode {
  const { ward } = useParams();
  const nameOf = useNameOf();
  return (
    <Query of={useWards()}>
      {(wards) => {
        const found = wards.find((each) => each.person === ward);
        if (found === undefined) return <Ended />;
        const may = powers.every((each) => found.powers.includes(each));
        // Another person's page begins anew: nothing that was typed for one is kept for the next.
        return (
          <ActingFor key={found.person} value={{ ...found, name: nameOf(found) }}>
            <Banner of={found} />
            {may ? children : <NotGiven of={found} />}
          </ActingFor>
        );
      }}
    </Query>
  );
}

const PAGES: readonly (readonly [string, readonly Power[]])[] = [
  ["overview", []],
  ["access", []],
  ["share", ["grant", "read"]],
  ["readers", ["read"]],
  ["records", ["read"]],
];

function Banner({ of }: { of: Found }): ReactNode {
  const say = useText("portal_carer");
  const path = usePath();
  const language = useLanguage();
  const name = useNameOf()(of);
  return (
    <Alert color="yellow" variant="outline" role="region" aria-label={say("banner/for", { name })} mb="md">
      <Text component="p" fw={700} size="lg" c="var(--amber-ink)">{say("banner/for", { name })}</Text>
      <p>{say("banner/about", { name, ends: day(of.ends, language) })}</p>
      <nav aria-label={say("banner/pages", { name })}>
        <Group gap="xs">
          {PAGES.filter(([, powers]) => powers.every((each) => of.powers.includes(each))).map(([page]) => (
            <Button
              key={page}
              component={NavLink}
              size="md"
              variant="outline"
              to={path(`care/${of.person}/${page}`)}
            >
              {say(`pages/${page}`)}
            </Button>
          ))}
          <Button component={Link} size="md" variant="subtle" to={path("care")}>{say("banner/leave")}</Button>
        </Group>
      </nav>
    </Alert>
  );
}

function NotGiven({ of }: { of: Found }): ReactNode {
  const say = useText("portal_carer");
  const name = useNameOf()(of);
  return (
    <>
      <PageTitle tab={say("not_given/title")}>{say("not_given/title")}</PageTitle>
      <p>{say("not_given/detail", { name })}</p>
    </>
  );
}

function Ended(): ReactNode {
  const say = useText("portal_carer");
  const path = usePath();
  return (
    <>
      <PageTitle tab={say("ended/title")}>{say("ended/title")}</PageTitle>
      <p>{say("ended/detail")}</p>
      <p>
        <Link to={path("care")}>{say("ended/next")}</Link>
      </p>
    </>
  );
}
