/** Something to do that may go another way than the task says: then it is said, and tried again. */
import { Button } from "@mantine/core";
import { Fragment, type ReactNode, useState } from "react";

import { useText } from "../../../text";
import type { Act } from "../practice/papers";
import { useHappening } from "../practice/Practice";
import type { Happening } from "../practice/world";
import { Recorded } from "./Recorded";

interface Props {
  /** Where its words stand: `wrong`. */
  readonly words: string;
  readonly right: Happening;
  /** What the made-up chain has of it. */
  readonly act: Act;
  readonly onRight: () => void;
  readonly children: ReactNode;
}

export function Tried({ words, right, act, onRight, children }: Props): ReactNode {
  const say = useText("portal_training");
  const [tries, setTries] = useState(0);
  const [missed, setMissed] = useState(false);
  const [made, setMade] = useState(false);
  useHappening(right, () => {
    setMissed(false);
    setMade(true);
    onRight();
  });
  useHappening("otherwise", () => { setMissed(true); });
  const again = (): void => {
    setMissed(false);
    setTries(tries + 1);
  };
  return (
    <>
      <Fragment key={tries}>{children}</Fragment>
      <div role="status">
        {missed ? <p><strong>{say("choose/wrong")}</strong> {say(`${words}/wrong`)}</p> : null}
      </div>
      {missed ? <Button size="md" onClick={again}>{say("choose/again")}</Button> : null}
      {made ? <Recorded act={act} /> : null}
    </>
  );
}
