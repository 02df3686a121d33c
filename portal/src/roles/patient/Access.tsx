/** Everybody who may see something, or once might. */
import { Button, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useMayShare, useMine, usePatientText } from "./acting";
import { GrantList, isOpen } from "./GrantList";
import { useFresh, useGrants } from "./reading";

export default function Access(): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  const found = useGrants();
  useFresh();
  return (
    <>
      <PageTitle tab={say("access/title")}>{say("access/title")}</PageTitle>
      <Query of={found}>
        {(grants) => (
          <>
            <GrantList of={grants} wanted={isOpen} empty={say("overview/nobody")} />
            <Title order={2} mt="lg">{say("access/over")}</Title>
            <GrantList of={grants} wanted={(each) => !isOpen(each)} empty={say("access/none_over")} />
          </>
        )}
      </Query>
      {useMayShare() ? (
        <Button component={Link} to={mine("share")} size="lg" mt="md">{say("share/start")}</Button>
      ) : null}
    </>
  );
}
