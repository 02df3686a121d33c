/** The newest events and blocks. New ones come by themselves. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, get } from "../../../api";
import { Moment } from "../../../components/Moment";
import { Query } from "../../../components/Query";
import { EventLines, type Line } from "../../../events/EventLines";
import { usePath } from "../../../language";
import { useLive } from "../../../live";
import { useText } from "../../../text";
import { SectionTitle } from "./SectionTitle";

const BLOCKS = 20;
const EVENTS = 20;
const LAST_OF_ALL = "999999999.0";

interface News {
  readonly blocks: AnswerOf<"/v1/blocks">["blocks"];
  readonly events: readonly Line[];
}

/** Events are listed from the oldest: begin so low that the newest are among them. */
async function newest(signal: AbortSignal): Promise<News> {
  const { blocks } = await get("/v1/blocks", { query: { limit: BLOCKS }, signal });
  let count = 0;
  const first = blocks.find((each) => (count += each.events) >= EVENTS) ?? blocks.at(-1);
  const below = (first?.height ?? 0) - 1;
  const after = below < 0 ? undefined : `${below}.${LAST_OF_ALL}`;
  const query = after === undefined ? {} : { after };
  const { events } = await get("/v1/events", { query, signal });
  return { blocks, events: events.toReversed().slice(0, EVENTS) };
}

export function Newest(): ReactNode {
  const say = useText("portal_public");
  const queries = useQueryClient();
  const [came, setCame] = useState<readonly Line[]>([]);
  const found = useQuery({ queryKey: ["newest"], queryFn: ({ signal }) => newest(signal) });
  useLive({ after: "latest" }, (event) => {
    setCame((before) => [event, ...before].slice(0, EVENTS));
    void queries.invalidateQueries({ queryKey: ["newest"] }, { cancelRefetch: false });
  });
  return (
    <Query of={found}>
      {({ blocks, events }) => (
        <>
          <SectionTitle>{say("explorer/events")}</SectionTitle>
          <EventLines of={merged(came, events)} />
          <SectionTitle>{say("explorer/blocks")}</SectionTitle>
          <Blocks of={blocks} />
        </>
      )}
    </Query>
  );
}

function merged(came: readonly Line[], listed: readonly Line[]): Line[] {
  const known = new Set(listed.map((each) => each.id));
  return [...came.filter((each) => !known.has(each.id)), ...listed].slice(0, EVENTS);
}

function Blocks({ of }: { of: News["blocks"] }): ReactNode {
  const say = useText("portal_public");
  const path = usePath();
  return (
    <ul className="lines">
      {of.map((block) => (
        <li key={block.height}>
          <Link to={path(`explorer/blocks/${block.height}`)}>
            {say("explorer/block", { height: block.height })}
          </Link>
          <span className="beside">
            <Moment at={block.time} />
            {" · "}
            {say("explorer/transactions", { count: block.transactions })}
            {" · "}
            {say("explorer/events_count", { count: block.events })}
          </span>
        </li>
      ))}
    </ul>
  );
}
