/** For whom the pages of a person are shown: the reader themself, or somebody they act for. */
import { createContext, useContext } from "react";

import type { components } from "../../api.types";
import { usePath } from "../../language";
import { type Say, useKnows, useText } from "../../text";

export type Power = components["schemas"]["Ward"]["powers"][number];

/** Somebody whom the reader acts for, and what for. */
export interface Acting {
  readonly person: string;
  readonly name: string;
  readonly powers: readonly Power[];
}

export const ActingFor = createContext<Acting | undefined>(undefined);

export function useActing(): Acting | undefined {
  return useContext(ActingFor);
}

/** Whether the reader may do this: of their own all, for others what these gave. */
export function useMay(...powers: Power[]): boolean {
  const acting = useActing();
  return acting === undefined || powers.every((each) => acting.powers.includes(each));
}

/** Whether the reader may share: who chooses what to open must see what there is. */
export function useMayShare(): boolean {
  return useMay("grant", "read");
}

/** Gives the address of a page of the person who is shown. */
export function useMine(): (page: string) => string {
  const path = usePath();
  const acting = useActing();
  const before = acting === undefined ? "my" : `care/${acting.person}`;
  return (page) => path(`${before}/${page}`);
}

/** The words of these pages; what says "me" is said of the other one by name. */
export function usePatientText(): Say {
  const acting = useActing();
  const own = useText("portal_patient");
  const file = acting === undefined ? "portal_patient" : "portal_carer";
  const other = useText(file);
  const knows = useKnows(file);
  if (acting === undefined) return own;
  return (key, places = {}) => {
    const instead = `instead/${key}`;
    const said = knows(instead) || knows(`${instead}_other`);
    return said ? other(instead, { ...places, person: acting.name }) : own(key, places);
  };
}
