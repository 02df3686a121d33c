/** Emergency accesses of colleagues, judged; one's own are for others to judge. */
import { type ReactNode, useState } from "react";

import { Accesses } from "../../../doctor/Reviews";
import { useHappening, useWorld } from "../../practice/Practice";
import { Tried } from "../Tried";
import type { Exercise } from "..";

export default function Review({ onDone }: Exercise): ReactNode {
  return (
    <Tried words="lessons/review" right="judged" act="judged" onRight={onDone}>
      <All />
    </Tried>
  );
}

function All(): ReactNode {
  const { ward } = useWorld();
  const [accesses, setAccesses] = useState(() => ward.accesses());
  useHappening("judged", () => { setAccesses(ward.accesses()); });
  return <Accesses of={accesses} />;
}
