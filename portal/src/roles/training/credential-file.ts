/** Reads what a credential file says. What is believed of it is for the proofs to say. */
import { fromUtf8, toBytes } from "../../sign/bytes";
import type { CredentialFile } from "./calls";

export interface StateProof {
  readonly key: string;
  readonly value: string | null;
}

export interface Facts {
  readonly organisation: string;
  readonly subject: string;
  readonly course: string;
  readonly version: number;
  readonly band: string;
  readonly issued: number;
  readonly anchor: StateProof;
  readonly withdrawal: StateProof;
}

interface Payload {
  readonly issuer: string;
  readonly validFrom: string;
  readonly credentialSubject: {
    readonly id: string;
    readonly course: string;
    readonly courseVersion: number;
    readonly scoreBand: string;
  };
}

const last = (name: string): string => name.split(":").at(-1) ?? "";

export function factsOf(file: CredentialFile): Facts {
  const text = fromUtf8(toBytes(file.credential.split(".")[1] ?? ""));
  const { issuer, validFrom, credentialSubject: subject } = JSON.parse(text) as Payload;
  const { anchor, withdrawal } = file.proofs as unknown as Record<"anchor" | "withdrawal", StateProof>;
  return {
    organisation: last(issuer),
    subject: last(subject.id),
    course: subject.course,
    version: subject.courseVersion,
    band: subject.scoreBand,
    issued: Date.parse(validFrom),
    anchor,
    withdrawal,
  };
}

/** A proof as a badge takes it. */
export function subjectOf(proof: StateProof): { kind: "state"; key: string; value: unknown; proof: unknown } {
  const value: unknown = proof.value === null ? null : JSON.parse(proof.value);
  return { kind: "state", key: proof.key, value, proof };
}
