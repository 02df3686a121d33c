/** Somebody who is here for the first time: registered, as their paper says. */
import type { ReactNode } from "react";

import { Known } from "../../../desk/Enrol";
import { Note } from "../Note";
import { Tried } from "../Tried";
import type { Exercise } from "..";

export default function Enrol({ onDone }: Exercise): ReactNode {
  return (
    <>
      <Note words="lessons/enrol" person="li" />
      <Tried words="lessons/enrol" right="enrolled" act="enrolled" onRight={onDone}>
        <Known done={NOTHING} />
      </Tried>
    </>
  );
}

const NOTHING = (): void => undefined;
