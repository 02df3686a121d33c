/** A recalled pack on the shelf, and a customer who uses it. */
import type { ReactNode } from "react";

import { Choose } from "../Choose";
import { Scanner } from "./Scanner";
import type { Exercise } from ".";

export function Recall({ onDone }: Exercise): ReactNode {
  return (
    <Scanner pack="recalled">
      <Choose words="lessons/recall" options={["stop", "doctor", "keep"]} right="doctor" onRight={onDone} />
    </Scanner>
  );
}
