/** One proposal: what it would do, who voted how, and one's own vote. */
import { Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { usePath } from "../../language";
import { useLive } from "../../live";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SubjectName } from "../../components/SubjectName";
import { ProposalSentence } from "./ProposalSentence";
import { PROPOSALS, type Reading, useProposal } from "./proposals";
import { VoteBox } from "./VoteBox";

export default function ProposalPage(): ReactNode {
  const say = useText("portal_operator");
  const path = usePath();
  const queries = useQueryClient();
  const id = useParams()["id"] ?? "";
  const found = useProposal(id);
  useLive({ after: "latest", id }, () => {
    void queries.invalidateQueries({ queryKey: [...PROPOSALS, id] }, { cancelRefetch: false });
  });
  return (
    <>
      <PageTitle tab={say("proposal/title")}>{say("proposal/title")}</PageTitle>
      <p>
        <Link to={path("operator/proposals")}>{say("proposal/back")}</Link>
      </p>
      <Query of={found}>{(reading) => <Shown of={reading} />}</Query>
    </>
  );
}

function Shown({ of }: { of: Reading }): ReactNode {
  const say = useText("portal_operator");
  const { current, count, status } = of;
  const { id, value, proof } = current;
  return (
    <>
      <p className="verdict tone-blue">
        <ProposalSentence of={value.action} />
      </p>
      <Facts
        of={[
          [say("proposals/state"), say(`proposals/states/${status}`)],
          [say("proposals/by"), <SubjectName key="by" id={value.proposer} />],
          [say("proposals/votes"), say("proposals/counted", { ...count })],
          [say("proposals/closes"), <Moment key="closes" at={value.closes} />],
        ]}
      />
      <OwnVote of={of} />
      <Votes of={of} />
      <Title order={2} mt="xl" mb="xs">
        {say("proposal/proof")}
      </Title>
      <ProofBadge
        subject={{
          kind: "state", key: `governance/proposal/${id}`, value, ...(proof == null ? {} : { proof }),
        }}
      />
    </>
  );
}

/** A vote is final and each member has one: who has voted sees how, and who has none is told why. */
function OwnVote({ of }: { of: Reading }): ReactNode {
  const say = useText("portal_operator");
  const own = useWho()?.organisation ?? "";
  const { id, value } = of.current;
  const voted = voteOf(of, own);
  return (
    <section>
      <Title order={2} mt="xl" mb="xs">
        {say("proposal/own")}
      </Title>
      {voted === "waits" && of.status === "open" ? (
        of.members.includes(own) ? (
          <VoteBox key={id} proposal={id} organisation={own} action={value.action} />
        ) : (
          <p>{say("proposal/no_member")}</p>
        )
      ) : (
        <p>{say(`proposal/voted/${voted}`)}</p>
      )}
    </section>
  );
}

function Votes({ of }: { of: Reading }): ReactNode {
  const say = useText("portal_operator");
  const { approved = [], opposed = [] } = of.current.value;
  const names = [...new Set([...approved, ...opposed, ...of.members])];
  return (
    <Rows
      caption={say("proposal/votes")}
      columns={[say("members/who"), say("proposal/vote")]}
      of={names.map((each) => ({
        key: each,
        cells: [<SubjectName key="who" id={each} />, <Said key="vote" of={voteOf(of, each)} />],
      }))}
    />
  );
}

type Voted = "approved" | "opposed" | "waits";
const MARKS: Readonly<Record<Voted, string>> = { approved: "✓", opposed: "✗", waits: "○" };

function voteOf(of: Reading, member: string): Voted {
  const { approved = [], opposed = [] } = of.current.value;
  if (approved.includes(member)) return "approved";
  return opposed.includes(member) ? "opposed" : "waits";
}

function Said({ of }: { of: Voted }): ReactNode {
  const say = useText("portal_operator");
  return (
    <>
      <span aria-hidden="true">{MARKS[of]}</span> {say(`proposal/says/${of}`)}
    </>
  );
}
