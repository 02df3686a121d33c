/** Asking a patient elsewhere for what is needed, and no more. */
import type { ReactNode } from "react";

import { Steps } from "../../../doctor/Ask";
import { WithKey } from "../../../doctor/WithKey";
import { InPlace } from "../InPlace";
import { Note } from "../Note";
import { Tried } from "../Tried";
import type { Exercise } from "..";

export default function Ask({ onDone }: Exercise): ReactNode {
  return (
    <>
      <Note words="lessons/ask" person="zhao" />
      <Tried words="lessons/ask" right="asked_person" act="asked" onRight={onDone}>
        <InPlace>
          <WithKey>{(key) => <Steps by={key} />}</WithKey>
        </InPlace>
      </Tried>
    </>
  );
}
