/** One's own record: opened on this device where it has a reading key, else by the hospital. */
import { Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty, Loading } from "../../components/Standing";
import { usePath } from "../../language";
import { useActing, usePatientText } from "./acting";
import { OpenedHere } from "./OpenedHere";
import { useCustody, useFresh, useReadingKey, useTimeline } from "./reading";
import { Timeline } from "./Timeline";

export default function Records(): ReactNode {
  const say = usePatientText();
  const { data: kept } = useReadingKey();
  useFresh();
  return (
    <>
      <PageTitle tab={say("records/tab")}>{say("records/title")}</PageTitle>
      <p>{say("records/about")}</p>
      {kept === undefined ? <Loading /> : kept === null ? <ByHospital /> : <OpenedHere />}
    </>
  );
}

function ByHospital(): ReactNode {
  const say = usePatientText();
  const path = usePath();
  const custody = useCustody();
  const own = useActing() === undefined && custody === false;
  return (
    <>
      {own ? (
        <Text component="p">
          {say("here/offer")} <Link to={path("my/reading")}>{say("here/offer_link")}</Link>
        </Text>
      ) : null}
      <Query of={useTimeline()}>
        {(entries) =>
          entries.length === 0 ? <Empty>{say("records/none")}</Empty> : <Timeline of={entries} />
        }
      </Query>
    </>
  );
}
