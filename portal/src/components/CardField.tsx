/** The text of a patient's card, from a hand scanner or typed. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../text";

interface Props {
  readonly busy: boolean;
  readonly find: (whom: { card: string }) => void;
  readonly button: string;
}

export function CardField({ busy, find, button }: Props): ReactNode {
  const say = useText("portal_desk");
  const [card, setCard] = useState("");
  return (
    <form
      className="search"
      onSubmit={(event) => {
        event.preventDefault();
        find({ card: card.trim() });
      }}
    >
      <TextInput
        label={say("find/card")}
        description={say("find/reader")}
        size="lg"
        required
        maxLength={200}
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        value={card}
        onChange={(event) => {
          setCard(event.currentTarget.value);
        }}
      />
      <Button type="submit" size="lg" loading={busy}>
        {button}
      </Button>
    </form>
  );
}
