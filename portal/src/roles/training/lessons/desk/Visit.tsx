/** A visit is opened for the right doctor, who may see the record from then on. */
import type { ReactNode } from "react";

import { Treated } from "../../../desk/Treated";
import { useWorld } from "../../practice/Practice";
import { Tried } from "../Tried";
import type { Exercise } from "..";

export default function Visit({ onDone }: Exercise): ReactNode {
  const { ward } = useWorld();
  return (
    <Tried words="lessons/visit" right="visited" act="visited" onRight={onDone}>
      <Treated person={ward.person("wang").id} />
    </Tried>
  );
}
