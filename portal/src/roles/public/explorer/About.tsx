/** The events that name an id, newest first. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../../api";
import { Query } from "../../../components/Query";
import { EventLines, type Line } from "../../../events/EventLines";
import { useText } from "../../../text";
import { SectionTitle } from "./SectionTitle";

const PAGES = 5;
const SHOWN = 20;

/** Events are listed from the oldest; what was long ago gives way to what is new. */
async function events(id: string, signal: AbortSignal): Promise<Line[]> {
  let after: string | undefined;
  let found: Line[] = [];
  for (let page = 0; page < PAGES; page += 1) {
    const query = { id, limit: 100, ...(after === undefined ? {} : { after }) };
    const answer = await get("/v1/events", { query, signal });
    found = [...found, ...answer.events].slice(-SHOWN);
    after = answer.next;
    if (answer.events.length < 100) {
      break;
    }
  }
  return found.toReversed();
}

export function About({ id }: { id: string }): ReactNode {
  const say = useText("portal_public");
  const found = useQuery({
    queryKey: ["about", id],
    queryFn: ({ signal }) => events(id, signal),
  });
  return (
    <>
      <SectionTitle>{say("explorer/about_it")}</SectionTitle>
      <Query of={found}>{(lines) => <EventLines of={lines} />}</Query>
    </>
  );
}
