/** An emergency: opened without asking, for a reason; and what follows from it. */
import { type ReactNode, useState } from "react";

import { Steps } from "../../../doctor/Emergency";
import { WithKey } from "../../../doctor/WithKey";
import { Choose } from "../../Choose";
import { Note } from "../Note";
import { Tried } from "../Tried";
import type { Exercise } from "..";

export default function Urgent({ onDone }: Exercise): ReactNode {
  const [read, setRead] = useState(false);
  return (
    <>
      <Note words="lessons/urgent" person="zhao" />
      <Tried words="lessons/urgent" right="read" act="urgent" onRight={() => { setRead(true); }}>
        <WithKey>{(key) => <Steps by={key} />}</WithKey>
      </Tried>
      {read ? (
        <Choose words="lessons/urgent" options={["nothing", "told", "wiped"]} right="told" onRight={onDone} />
      ) : null}
    </>
  );
}
