/** Who looked? Find the reading that nobody allowed, and ask about it. */
import type { ReactNode } from "react";

import { DisclosureLine } from "../../patient/DisclosureLine";
import { useNames } from "../../patient/words";
import { useHappening, useWorld } from "../practice/Practice";
import type { Exercise } from ".";

export function Looked({ onDone }: Exercise): ReactNode {
  const found = useWorld().disclosures();
  const names = useNames(found.map((each) => each.reader.organisation ?? ""));
  useHappening("noted", onDone);
  return (
    <ul className="lines">
      {found.map((each) => (
        <DisclosureLine key={each.time} of={each} names={names} full />
      ))}
    </ul>
  );
}
