/** Choosing a member of staff by name; nobody is chosen beforehand. */
import { NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";

import { useText } from "../../text";
import { useStaff } from "./staff";

interface Props {
  readonly label: string;
  readonly hint?: string;
  readonly value: string;
  readonly change: (practitioner: string) => void;
  /** Somebody who cannot be chosen, for they stand elsewhere in the same form. */
  readonly without?: string;
}

export function StaffChoice({ label, hint, value, change, without }: Props): ReactNode {
  const say = useText("portal_desk");
  const staff = useStaff();
  return (
    <NativeSelect
      label={label}
      {...(hint === undefined ? {} : { description: hint })}
      size="md"
      required
      value={value}
      onChange={(event) => {
        change(event.currentTarget.value);
      }}
      data={[
        { value: "", label: say("choose") },
        ...staff.all
          .filter((each) => each.practitioner !== without)
          .map((each) => ({ value: each.practitioner, label: each.name })),
      ]}
    />
  );
}
