/** When something was measured or found: now, unless another time is chosen. */
import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";

import { type Language, useLanguage } from "../../../language";
import { useText } from "../../../text";
import { thisMinute } from "./resources";

interface Props {
  readonly label: string;
  /** As a form has it: `2026-11-22T21:30`. */
  readonly value: string;
  readonly change: (value: string) => void;
}

export function WhenField({ label, value, change }: Props): ReactNode {
  const say = useText("portal_doctor");
  return (
    <TextInput
      type="datetime-local"
      label={label}
      size="md"
      required
      value={value}
      max={thisMinute()}
      error={past(value) ? undefined : say("write/future")}
      onChange={(event) => {
        change(event.currentTarget.value);
      }}
    />
  );
}

/** Whether a time is there, and not still to come. */
export function past(value: string): boolean {
  const at = new Date(value).getTime();
  return !Number.isNaN(at) && value.slice(0, 16) <= thisMinute();
}

/** A time in the words of a language. */
export function useWhen(): (value: string) => string {
  const language: Language = useLanguage();
  const shape = new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" });
  return (value) => shape.format(new Date(value));
}
