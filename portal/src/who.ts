/** Who is signed in, and as what they work. The session says so by `setWho`; the shell goes by it. */
import { createContext, useContext, useSyncExternalStore } from "react";

/** What the node says of somebody, of the chain as it stands now. */
export interface Standing {
  /** Such as `hospital`, `pharmacy`, `regulator`. */
  readonly organisation_kind: string | null;
  readonly licences: readonly { readonly profession: string; readonly ends: number }[];
  /** Whether somebody named them custodian, who may act now. */
  readonly acts_for?: boolean;
}

/** Roles that people sign in for. Pages of all others are open to everybody. */
export const WORKS = ["patient", "carer", "doctor", "desk", "supply", "regulator", "operator"] as const;
export type Work = (typeof WORKS)[number];

export interface Who {
  /** Id on the chain. */
  readonly subject: string;
  readonly organisation: string;
  /** Such as `person`, `practitioner`, `agent`. */
  readonly kind: string;
  /** The most fitting first; none where nothing says what somebody is. */
  readonly roles: readonly Work[];
  /** 1: signed in, the second factor is still to be given. 2: signed in. */
  readonly level: 1 | 2;
  /** Shown in the header; never sent anywhere. */
  readonly name?: string;
}

const CARING = new Set(["physician", "nurse", "midwife", "dentist", "paramedic"]);
const PLACES_OF_CARE = new Set(["hospital", "clinic", "laboratory"]);
const TRADE = new Set(["maker", "distributor", "pharmacy"]);
const OVERSIGHT = new Set(["regulator", "authority"]);

/**
 * As what somebody works: a practitioner by the licences in force, an organisation and its agents by
 * what the organisation is. What is not named here gives nothing. The node judges every request again.
 */
export function rolesOf(kind: string, standing: Standing | undefined): readonly Work[] {
  if (kind === "person") return standing?.acts_for === true ? ["patient", "carer"] : ["patient"];
  if (standing === undefined) return [];
  if (kind === "practitioner") {
    const professions = standing.licences.map((each) => each.profession);
    const found: Work[] = [];
    if (professions.some((each) => CARING.has(each))) found.push("doctor");
    if (professions.includes("pharmacist")) found.push("supply");
    return found;
  }
  return kind === "agent" || kind === "organisation" ? ofHouse(standing.organisation_kind ?? "") : [];
}

function ofHouse(kind: string): readonly Work[] {
  if (OVERSIGHT.has(kind)) return ["regulator", "operator"];
  // Warnings and recalls are public, and who trades may ask where its own packs went.
  if (TRADE.has(kind)) return ["supply", "regulator", "operator"];
  // A hospital's stores receive and give out packs too.
  return PLACES_OF_CARE.has(kind) ? ["desk", "supply", "operator"] : ["operator"];
}

/** Says whether somebody who is wholly signed in works as this. */
export function works(as: Work): (who: Who | undefined) => boolean {
  return (who) => who?.level === 2 && who.roles.includes(as);
}

let current: Who | undefined;
const listeners = new Set<() => void>();

/** Says who is signed in, or that nobody is. */
export function setWho(who: Who | undefined): void {
  current = who;
  for (const each of listeners) {
    each();
  }
}

export function who(): Who | undefined {
  return current;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** Who is shown as signed in below it: somebody made up, where somebody practises. */
export const PracticeWho = createContext<Who | undefined>(undefined);

export function useWho(): Who | undefined {
  const real = useSyncExternalStore(subscribe, who);
  return useContext(PracticeWho) ?? real;
}

/** The person whose page this is; such pages are shown to nobody else. */
export function useOwn(): Who {
  const found = useWho();
  if (found === undefined) {
    throw new Error("nobody is signed in");
  }
  return found;
}
