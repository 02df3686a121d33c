/** A slip in reading, told from what may be a fake. */
import type { ReactNode } from "react";

import { Sorted } from "./Sorted";
import type { Exercise } from ".";

export function Slip({ onDone }: Exercise): ReactNode {
  return (
    <Sorted
      words="lessons/slip"
      places={["slip", "suspect"]}
      of={[["slip", "slip"], ["other_pack", "suspect"], ["nobodys", "suspect"]]}
      onDone={onDone}
    />
  );
}
