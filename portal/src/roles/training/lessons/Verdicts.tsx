/** Verdicts read: which pack may be handed out? */
import type { ReactNode } from "react";

import { Sorted } from "./Sorted";
import type { Exercise } from ".";

export function Verdicts({ onDone }: Exercise): ReactNode {
  return (
    <Sorted
      words="lessons/verdicts"
      places={["out", "aside", "suspect"]}
      of={[["genuine", "out"], ["expired", "aside"], ["dispensed", "suspect"]]}
      onDone={onDone}
    />
  );
}
