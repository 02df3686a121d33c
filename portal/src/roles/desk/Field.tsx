/** A line of a form. */
import { TextInput } from "@mantine/core";
import type { ReactNode } from "react";

interface Props {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly type?: "text" | "date" | "tel" | "email";
  readonly hint?: string;
  readonly required?: boolean;
}

export function Field({ label, value, change, type = "text", hint, required = false }: Props): ReactNode {
  return (
    <TextInput
      label={label}
      {...(hint === undefined ? {} : { description: hint })}
      type={type}
      size="md"
      required={required}
      maxLength={200}
      autoComplete="off"
      value={value}
      onChange={(event) => {
        change(event.currentTarget.value);
      }}
    />
  );
}
