/** Somebody new of the staff: their name, their number here, and what they work as. */
import { NativeSelect, TextInput } from "@mantine/core";
import type { ReactNode } from "react";

import { useText } from "../../text";

export const ROLES_OF_STAFF = ["physician", "nurse", "midwife", "dentist", "paramedic", "pharmacist"] as const;

export interface Newcomer {
  readonly name: string;
  readonly number: string;
  readonly role: string;
}

export const NOBODY: Newcomer = { name: "", number: "", role: "" };

interface Props {
  readonly value: Newcomer;
  readonly change: (value: Newcomer) => void;
}

export function NewcomerFields({ value, change }: Props): ReactNode {
  const say = useText("portal_operator");
  return (
    <>
      <p>{say("newcomer/about")}</p>
      <TextInput
        label={say("newcomer/name")}
        name="name"
        required
        maxLength={200}
        autoComplete="off"
        value={value.name}
        onChange={(event) => {
          change({ ...value, name: event.currentTarget.value });
        }}
      />
      <TextInput
        label={say("newcomer/number")}
        description={say("newcomer/number_about")}
        name="number"
        required
        maxLength={64}
        autoComplete="off"
        spellCheck={false}
        value={value.number}
        onChange={(event) => {
          change({ ...value, number: event.currentTarget.value });
        }}
      />
      <NativeSelect
        label={say("newcomer/role")}
        name="role"
        required
        value={value.role}
        data={[
          { value: "", label: say("invite/choose") },
          ...ROLES_OF_STAFF.map((each) => ({ value: each, label: say(`newcomer/roles/${each}`) })),
        ]}
        onChange={(event) => {
          change({ ...value, role: event.currentTarget.value });
        }}
      />
    </>
  );
}
