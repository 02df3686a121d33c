/** One person's record at the own hospital: what happened, the newest first, each with its source. */
import { Button, Group, NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "react-router";

import { type AnswerOf, get } from "../../api";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useRecordWords } from "../../records";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { Happening } from "./Happening";
import { useWaiting } from "./Waiting";
import { DraftsNotice } from "./writing/DraftsNotice";

type Timeline = AnswerOf<"/v1/organisations/{organisation}/persons/{person}/timeline">;
export type Entry = Timeline["entries"][number];

export const TIMELINE = "timeline";
const AT_ONCE = 50;

export default function Record(): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const { person = "" } = useParams();
  const { organisation } = useOwn();
  const waiting = useWaiting();
  const here = waiting.data?.filter((each) => each.person === person) ?? [];
  const name = here[0]?.name;
  const visiting = here.some((each) => each.relation.kind === "encounter");
  const found = useQuery({
    queryKey: [TIMELINE, organisation, person],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/persons/{person}/timeline", {
        path: { organisation, person },
        query: { content: "true" },
        signal,
      }),
    gcTime: 0,
  });
  const title = name == null ? say("record/title") : say("record/title_of", { name });
  return (
    <>
      <PageTitle tab={say("record/title")}>{title}</PageTitle>
      <p>{say("record/about")}</p>
      <DraftsNotice />
      {visiting ? (
        <Group gap="sm">
          <Button component={Link} to={path(`doctor/persons/${person}/write`)} size="lg">
            {say("write/title")}
          </Button>
          <Button component={Link} to={path(`doctor/persons/${person}/end`)} size="lg" variant="outline">
            {say("end/title")}
          </Button>
        </Group>
      ) : null}
      <p>
        <Link to={path("doctor/elsewhere")}>{say("record/elsewhere")}</Link>
      </p>
      <Query of={found}>{(timeline) => <Entries of={timeline.entries} />}</Query>
    </>
  );
}

/** The newest first; what has no time of its own comes last. */
function newestFirst(entries: readonly Entry[]): Entry[] {
  const dated = entries.filter((each) => each.time !== null).toReversed();
  return [...dated, ...entries.filter((each) => each.time === null)];
}

export function Entries({ of }: { of: readonly Entry[] }): ReactNode {
  const say = useText("portal_doctor");
  const words = useRecordWords();
  const [type, setType] = useState("");
  const [shown, setShown] = useState(AT_ONCE);
  if (of.length === 0) {
    return <Empty>{say("record/nothing")}</Empty>;
  }
  const types = [...new Set(of.map((each) => each.type))];
  const wanted = newestFirst(of).filter((each) => type === "" || each.type === type);
  return (
    <>
      <NativeSelect
        label={say("record/only")}
        size="md"
        value={type}
        onChange={(event) => {
          setType(event.currentTarget.value);
        }}
        data={[
          { value: "", label: say("record/everything") },
          ...types.map((each) => ({ value: each, label: words.type(each) })),
        ]}
      />
      <p role="status">{say("record/count", { count: wanted.length })}</p>
      <ul className="lines" aria-label={say("record/title")}>
        {wanted.slice(0, shown).map((each) => (
          <li key={each.sources[0]?.record ?? each.type}>
            <Happening of={each} />
          </li>
        ))}
      </ul>
      {wanted.length > shown ? (
        <Button
          variant="outline"
          size="md"
          onClick={() => {
            setShown(shown + AT_ONCE);
          }}
        >
          {say("record/more")}
        </Button>
      ) : null}
    </>
  );
}
