/** At which place things are done: said once, and kept. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { useText } from "../../text";
import { isGln, type useHere } from "./place";

export function Here({ of: here }: { of: ReturnType<typeof useHere> }): ReactNode {
  const say = useText("portal_supply");
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const move = (event: SyntheticEvent): void => {
    event.preventDefault();
    setWrong(!isGln(typed.trim()));
    if (isGln(typed.trim())) here.move(typed.trim());
  };
  return (
    <details className="trade-box">
      <summary>
        {here.gln === undefined ? say("here/nowhere") : say("here/at", { gln: here.gln })}
      </summary>
      <p>{say("here/about")}</p>
      <ul className="trade-actions">
        {here.known.map((each) => (
          <li key={each}>
            <Button
              variant="outline"
              aria-pressed={each === here.gln}
              onClick={() => {
                here.move(each);
              }}
            >
              {say("here/use", { gln: each })}
            </Button>
          </li>
        ))}
      </ul>
      <form onSubmit={move} className="search">
        <TextInput
          label={say("here/gln")}
          name="gln"
          inputMode="numeric"
          autoComplete="off"
          value={typed}
          maxLength={13}
          error={wrong ? say("here/wrong") : undefined}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
          }}
        />
        <Button type="submit" variant="outline">
          {say("here/move")}
        </Button>
      </form>
    </details>
  );
}
