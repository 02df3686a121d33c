/** Records at another hospital, opened under a permission: chosen, signed, read. */
import { type ReactNode, useState } from "react";

import { Grants } from "../../../doctor/Elsewhere";
import { OpenGrant } from "../../../doctor/OpenGrant";
import { WithKey } from "../../../doctor/WithKey";
import { Choose } from "../../Choose";
import { useHappening, useWorld } from "../../practice/Practice";
import type { Received } from "../../practice/ward";
import { Recorded } from "../Recorded";
import type { Exercise } from "..";

export default function Elsewhere({ onDone }: Exercise): ReactNode {
  const { ward } = useWorld();
  const [grants] = useState(() => ward.grants());
  const [chosen, setChosen] = useState<Received>();
  const [read, setRead] = useState(false);
  useHappening("read", () => { setRead(true); });
  return (
    <>
      {chosen === undefined ? <Grants of={grants} choose={setChosen} /> : (
        <WithKey>
          {(key) => <OpenGrant of={chosen} by={key} leave={() => { setChosen(undefined); }} />}
        </WithKey>
      )}
      {read ? (
        <>
          <Recorded act="opened" />
          <Choose
            words="lessons/elsewhere"
            options={["broken", "later", "not_opened"]}
            right="not_opened"
            onRight={onDone}
          />
        </>
      ) : null}
    </>
  );
}
