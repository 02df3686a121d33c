/** A weight with the point in the wrong place: corrected beside the old entry, with a reason. */
import { type ReactNode, useState } from "react";

import { Entries } from "../../../doctor/Record";
import { useHappening, useWorld } from "../../practice/Practice";
import { Tried } from "../Tried";
import type { Exercise } from "..";

export default function Correct({ onDone }: Exercise): ReactNode {
  return (
    <Tried words="lessons/correct" right="corrected" act="noted" onRight={onDone}>
      <OwnEntries />
    </Tried>
  );
}

function OwnEntries(): ReactNode {
  const { ward } = useWorld();
  const [entries, setEntries] = useState(() => ward.entries());
  useHappening("corrected", () => { setEntries(ward.entries()); });
  return <Entries of={entries} />;
}
