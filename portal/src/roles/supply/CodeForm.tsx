/** Asking for a code: from a hand scanner, which ends the line itself, or typed. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useRef, useState } from "react";

import { useText } from "../../text";

const LONGEST = 512;

interface Props {
  /** What is looked at now. */
  readonly code: string;
  readonly about?: string;
  readonly look: (code: string) => void;
}

export function CodeForm({ code, about, look }: Props): ReactNode {
  const say = useText("portal_supply");
  const [typed, setTyped] = useState(code);
  const [shown, setShown] = useState(code);
  // A code from elsewhere, from the camera or an address, replaces what was typed.
  if (shown !== code) {
    setShown(code);
    setTyped(code);
  }
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: SyntheticEvent): void => {
    event.preventDefault();
    look(typed.trim());
    // The next code of a hand scanner replaces this one.
    field.current?.select();
  };
  return (
    <form onSubmit={submit} className="search">
      <TextInput
        ref={field}
        label={say("scan/code")}
        description={about}
        name="code"
        value={typed}
        maxLength={LONGEST}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        size="lg"
        required
        onChange={(event) => {
          setTyped(event.currentTarget.value);
        }}
      />
      <Button type="submit" size="lg">
        {say("scan/look")}
      </Button>
    </form>
  );
}
