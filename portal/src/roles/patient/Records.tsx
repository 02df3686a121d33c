/** One's own record, the newest first, readable, each with its proof and room for a note. */
import { Button, NativeSelect } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useRecordWords } from "../../records";
import { useText } from "../../text";
import { EntryLine } from "./EntryLine";
import { type Entry, useFresh, useTimeline } from "./reading";

const PAGE = 25;

export default function Records(): ReactNode {
  const say = useText("portal_patient");
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

/** In the order of time, the newest first; what has no time comes last. */
function newestFirst(entries: readonly Entry[]): Entry[] {
  const at = (each: Entry): number => each.time?.low ?? Number.NEGATIVE_INFINITY;
  return [...entries].sort((one, two) => (at(two) > at(one) ? 1 : at(two) < at(one) ? -1 : 0));
}

function Timeline({ of }: { of: readonly Entry[] }): ReactNode {
  const say = useText("portal_patient");
  const { type } = useRecordWords();
  const [chosen, choose] = useState("");
  const [shown, setShown] = useState(PAGE);
  const types = [...new Set(of.map((each) => each.type))].sort();
  const wanted = newestFirst(of).filter((each) => chosen === "" || each.type === chosen);
  return (
    <>
      <NativeSelect
        size="md"
        label={say("records/kind")}
        value={chosen}
        data={[
          { value: "", label: say("records/all", { count: of.length }) },
          ...types.map((value) => ({ value, label: type(value) })),
        ]}
        onChange={(event) => {
          choose(event.currentTarget.value);
          setShown(PAGE);
        }}
      />
      <ul className="lines">
        {wanted.slice(0, shown).map((each, place) => (
          <EntryLine key={each.sources[0]?.record ?? place} of={each} />
        ))}
      </ul>
      {wanted.length > shown ? (
        <Button size="md" variant="outline" onClick={() => { setShown(shown + PAGE); }}>
          {say("records/more", { count: wanted.length - shown })}
        </Button>
      ) : null}
    </>
  );
}
