/** Who can see me? Read the permissions that stand. */
import type { ReactNode } from "react";

import { GrantList, isOpen } from "../../patient/GrantList";
import { Choose } from "../Choose";
import { useWorld } from "../practice/Practice";
import type { Exercise } from ".";

export function See({ onDone }: Exercise): ReactNode {
  const grants = useWorld().grants();
  return (
    <>
      <GrantList of={grants} wanted={isOpen} empty="" />
      <Choose
        words="lessons/see"
        options={["hospital", "clinic", "insurer"]}
        right="clinic"
        onRight={onDone}
      />
    </>
  );
}
