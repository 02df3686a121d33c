/** Proofs that the browser checks itself. The verifier is loaded when something is to be checked. */
export { ProofBadge } from "./ProofBadge";
export type { Subject } from "./subject";
export { ProofSource, type Source } from "./source";
