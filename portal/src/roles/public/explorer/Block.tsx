/** A block: what it holds, and who signed it. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { type AnswerOf, get } from "../../../api";
import { Facts } from "../../../components/Facts";
import { Moment } from "../../../components/Moment";
import { PageTitle } from "../../../components/Page";
import { Query } from "../../../components/Query";
import { ShortId } from "../../../components/ShortId";
import { Empty } from "../../../components/Standing";
import { usePath } from "../../../language";
import { useText } from "../../../text";
import { SectionTitle } from "./SectionTitle";
import { useTypeName } from "./typeName";

type Block = AnswerOf<"/v1/blocks/{height}">;

export default function BlockPage(): ReactNode {
  const say = useText("portal_public");
  const height = useParams()["height"] ?? "";
  const found = useQuery({
    queryKey: ["block", height],
    queryFn: ({ signal }) => get("/v1/blocks/{height}", { path: { height }, signal }),
    staleTime: Infinity,
  });
  const title = say("explorer/block", { height });
  return (
    <>
      <PageTitle tab={title}>{title}</PageTitle>
      <Query of={found}>{(block) => <Shown of={block} />}</Query>
    </>
  );
}

/** Votes for the block, of all who could vote (CometBFT: flag 2 is a vote for it). */
function votes(block: Block): { signed: number; all: number } {
  const found = (block.commit as { signatures?: { block_id_flag?: number }[] }).signatures ?? [];
  return { signed: found.filter((each) => each.block_id_flag === 2).length, all: found.length };
}

function Shown({ of: block }: { of: Block }): ReactNode {
  const say = useText("portal_public");
  const typeName = useTypeName();
  const path = usePath();
  return (
    <>
      <Facts
        of={[
          [say("explorer/time"), <Moment key="time" at={block.time} />],
          [say("explorer/signed_by"), say("explorer/votes", votes(block))],
          [say("explorer/hash"), <code key="hash">{block.hash}</code>],
        ]}
      />
      <SectionTitle>{say("explorer/inside")}</SectionTitle>
      {block.transactions.length === 0 ? (
        <Empty>{say("explorer/block_empty")}</Empty>
      ) : (
        <ul className="lines">
          {block.transactions.map((each) => (
            <li key={each.hash}>
              <Link to={path(`explorer/transactions/${each.hash}`)}>
                {each.types.map(typeName).join(say("explorer/and"))}
              </Link>
              <span className="beside">
                {say(each.code === 0 ? "explorer/accepted" : "explorer/refused")}
                {" · "}
                <ShortId id={each.hash} />
              </span>
            </li>
          ))}
        </ul>
      )}
      <nav aria-label={say("explorer/beside")}>
        {block.height > 1 ? (
          <Link to={path(`explorer/blocks/${block.height - 1}`)}>
            {say("explorer/block", { height: block.height - 1 })}
          </Link>
        ) : null}{" "}
        <Link to={path(`explorer/blocks/${block.height + 1}`)}>
          {say("explorer/block", { height: block.height + 1 })}
        </Link>
      </nav>
    </>
  );
}
