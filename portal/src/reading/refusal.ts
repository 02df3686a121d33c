/** Why something is not opened on this device. The names are keys of `here/refused/` in `portal_patient.json`. */

export type Reason =
  | "altered"
  | "key_missing"
  | "unknown_format"
  | "no_key"
  | "no_signer"
  | "no_store"
  | "too_many";

/** What stops the opening; nothing of what was opened so far is shown in its place. */
export class ReadingRefusal extends Error {
  override readonly name = "ReadingRefusal";

  constructor(readonly reason: Reason) {
    super(reason);
  }
}

/** Make the refusal to throw; it says what is wrong, never what stood there. */
export function refuse(reason: Reason): ReadingRefusal {
  return new ReadingRefusal(reason);
}
