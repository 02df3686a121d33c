/** Everybody who may see something, or once might. */
import { Button, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { usePath } from "../../language";
import { useText } from "../../text";
import { GrantList, isOpen } from "./GrantList";
import { useFresh, useGrants } from "./reading";

export default function Access(): ReactNode {
  const say = useText("portal_patient");
  const path = usePath();
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
      <Button component={Link} to={path("my/share")} size="lg" mt="md">{say("share/start")}</Button>
    </>
  );
}
