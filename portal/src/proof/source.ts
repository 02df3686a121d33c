/** Where papers come from and whom they are held against: of this node, unless it says otherwise. */
import { createContext } from "react";

import type { Load, PinStore } from "./trust";

export interface Source {
  /** Keeps what was checked here apart from what was checked elsewhere. */
  readonly name: string;
  readonly load: Load;
  readonly store: PinStore;
}

/** Training checks papers of its own chain below this; its trust is shown to nobody as the node's. */
export const ProofSource = createContext<Source | undefined>(undefined);
