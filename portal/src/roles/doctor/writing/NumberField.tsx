/** A number with its unit beside it, and in words what is to be noticed about it. */
import { Checkbox, Stack, TextInput } from "@mantine/core";
import { type ReactNode, useId } from "react";

import { useText } from "../../../text";
import { remark, type Scale } from "./measures";

const LONGEST = 14;

/** A value as it was typed; `sure` says that it was looked at again where it seems impossible. */
export interface Typed {
  readonly text: string;
  readonly sure: boolean;
}

export const NOTHING: Typed = { text: "", sure: false };

/** Whether a value may be written down. */
export function ready({ text, sure }: Typed, scale: Scale): boolean {
  const told = remark(text.trim(), scale);
  return told !== "unreadable" && (told !== "impossible" || sure);
}

interface Props {
  readonly label: string;
  readonly scale: Scale;
  readonly value: Typed;
  readonly change: (value: Typed) => void;
}

export function NumberField({ label, scale, value, change }: Props): ReactNode {
  const say = useText("portal_doctor");
  const said = useId();
  const told = value.text.trim() === "" ? undefined : remark(value.text.trim(), scale);
  const [low = "", high = ""] = scale.usual;
  const { unit } = scale;
  return (
    <Stack gap="xs">
      <TextInput
        label={say("write/number", { what: label, unit })}
        description={say("write/number_as")}
        inputMode="decimal"
        size="lg"
        required
        maxLength={LONGEST}
        autoComplete="off"
        aria-describedby={said}
        rightSection={<span>{unit}</span>}
        rightSectionWidth={96}
        value={value.text}
        error={told === "unreadable" ? say("write/unreadable") : undefined}
        onChange={(event) => {
          change({ text: event.currentTarget.value, sure: false });
        }}
      />
      <div id={said} role="status" className="told">
        {told === undefined || told === "unreadable" ? null : say(`write/told/${told}`, { low, high, unit })}
      </div>
      {told === "impossible" ? (
        <Checkbox
          size="md"
          checked={value.sure}
          label={say("write/sure", { value: value.text.trim(), unit })}
          onChange={(event) => {
            change({ ...value, sure: event.currentTarget.checked });
          }}
        />
      ) : null}
    </Stack>
  );
}
