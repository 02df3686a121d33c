/** Take a permission back, as on the page of permissions. */
import { type ReactNode, useState } from "react";

import { GrantList, isOpen } from "../../patient/GrantList";
import { useHappening, useWorld } from "../practice/Practice";
import type { Exercise } from ".";

export function Stop({ onDone }: Exercise): ReactNode {
  const [grants] = useState(useWorld().grants());
  useHappening("stopped", onDone);
  return <GrantList of={grants} wanted={isOpen} empty="" />;
}
