/** Entries of a record, the newest first, one kind of them or all. */
import { Button, NativeSelect } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useRecordWords } from "../../records";
import { usePatientText } from "./acting";
import { EntryLine } from "./EntryLine";
import type { Entry } from "./reading";

const PAGE = 25;

/** In the order of time, the newest first; what has no time comes last. */
function newestFirst(entries: readonly Entry[]): Entry[] {
  const at = (each: Entry): number => each.time?.low ?? Number.NEGATIVE_INFINITY;
  return [...entries].sort((one, two) => (at(two) > at(one) ? 1 : at(two) < at(one) ? -1 : 0));
}

export function Timeline({ of }: { of: readonly Entry[] }): ReactNode {
  const say = usePatientText();
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
