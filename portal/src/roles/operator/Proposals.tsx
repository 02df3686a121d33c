/** What is put to the vote, the newest first. */
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { ProposalSentence } from "./ProposalSentence";
import { PROPOSALS, type Reading, useProposals } from "./proposals";

export default function Proposals(): ReactNode {
  const say = useText("portal_operator");
  const queries = useQueryClient();
  const found = useProposals();
  useLive({ after: "latest", capability: "governance" }, () => {
    void queries.invalidateQueries({ queryKey: PROPOSALS }, { cancelRefetch: false });
  });
  return (
    <>
      <PageTitle tab={say("proposals/title")}>{say("proposals/title")}</PageTitle>
      <p>{say("proposals/about")}</p>
      <Query of={found}>{(list) => <Listed of={list} />}</Query>
    </>
  );
}

function Listed({ of }: { of: readonly Reading[] }): ReactNode {
  const say = useText("portal_operator");
  const path = usePath();
  if (of.length === 0) return <Empty>{say("proposals/none")}</Empty>;
  return (
    <Rows
      caption={say("proposals/caption")}
      columns={["what", "by", "state", "votes", "closes", "see"].map((each) => say(`proposals/${each}`))}
      of={of.map(({ current, count, status }) => ({
        key: current.id,
        cells: [
          <ProposalSentence key="what" of={current.value.action} />,
          <SubjectName key="by" id={current.value.proposer} />,
          say(`proposals/states/${status}`),
          say("proposals/counted", { ...count }),
          <Moment key="closes" at={current.value.closes} />,
          <Link key="see" to={path(`operator/proposals/${current.id}`)}>
            {say(status === "open" ? "proposals/to_vote" : "proposals/to_see")}
          </Link>,
        ],
      }))}
    />
  );
}
