/** The start page: what one can do here without signing in. */
import { SimpleGrid } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { usePath } from "../../language";
import { useText } from "../../text";

const DOORS = ["scan", "explorer", "help"] as const;

export default function Start(): ReactNode {
  const say = useText("portal_public");
  const path = usePath();
  return (
    <>
      <PageTitle tab={say("start/title")}>{say("start/title")}</PageTitle>
      <p>{say("start/about")}</p>
      <SimpleGrid cols={{ base: 1, sm: 3 }} mt="lg">
        {DOORS.map((door) => (
          <Link key={door} to={path(door)} className="door">
            <strong>{say(`start/doors/${door}/title`)}</strong>
            <span>{say(`start/doors/${door}/about`)}</span>
          </Link>
        ))}
      </SimpleGrid>
      <p>
        <Link to={path("privacy")}>{say("privacy/title")}</Link>
      </p>
    </>
  );
}
