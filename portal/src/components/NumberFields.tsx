/** Which number, and what it is: for looking up, enrolling, and asking elsewhere. */
import { NativeSelect, TextInput } from "@mantine/core";
import type { ReactNode } from "react";

import { useText } from "../text";
import { type Numbered, SYSTEMS } from "./numbers";

interface Props {
  readonly value: Numbered;
  readonly change: (value: Numbered) => void;
}

export function NumberFields({ value, change }: Props): ReactNode {
  const say = useText("portal_desk");
  return (
    <>
      <NativeSelect
        label={say("number/system")}
        size="md"
        value={value.system}
        onChange={(event) => {
          change({ ...value, system: event.currentTarget.value });
        }}
        data={SYSTEMS.map((each) => ({ value: each.system, label: say(`number/${each.name}`) }))}
      />
      <TextInput
        label={say("number/number")}
        size="md"
        required
        maxLength={64}
        autoComplete="off"
        autoCapitalize="characters"
        spellCheck={false}
        value={value.number}
        onChange={(event) => {
          change({ ...value, number: event.currentTarget.value });
        }}
      />
    </>
  );
}
