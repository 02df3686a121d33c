/** A box of medicine at home: scan it, and know what to do. */
import type { ReactNode } from "react";

import { Choose } from "../Choose";
import { Scanner } from "./Scanner";
import type { Exercise } from ".";

export function Scan({ onDone }: Exercise): ReactNode {
  return (
    <Scanner pack="recalled">
      <Choose words="lessons/scan" options={["use", "back", "bin"]} right="back" onRight={onDone} />
    </Scanner>
  );
}
