/** The record of somebody one acts for, as their hospital opens it. */
import type { ReactNode } from "react";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePatientText } from "../patient/acting";
import { useFresh, useTimeline } from "../patient/reading";
import { Timeline } from "../patient/Timeline";

export default function Records(): ReactNode {
  const say = usePatientText();
  useFresh();
  return (
    <>
      <PageTitle tab={say("records/tab")}>{say("records/title")}</PageTitle>
      <p>{say("records/about")}</p>
      <Query of={useTimeline()}>
        {(entries) =>
          entries.length === 0 ? <Empty>{say("records/none")}</Empty> : <Timeline of={entries} />
        }
      </Query>
    </>
  );
}
