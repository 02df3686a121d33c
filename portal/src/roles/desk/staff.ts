/** Who works here, and their names. */
import { type StaffMember, useStaff as useDirectory } from "../../components/staff";
import { useOwn } from "../../who";

export interface Staff {
  readonly all: readonly StaffMember[];
  readonly name: (practitioner: string) => string | undefined;
}

export function useStaff(): Staff {
  const { organisation } = useOwn();
  const all = useDirectory(organisation).data ?? [];
  return { all, name: (id) => all.find((each) => each.practitioner === id)?.name };
}
