/** Why the portal does not sign. The names are keys of `refused/` in `portal_sign.json`. */

export type Reason =
  | "malformed"
  | "not_canonical"
  | "too_large"
  | "unknown_message"
  | "not_shown"
  | "opened_differs"
  | "no_suite"
  | "no_key"
  | "no_store"
  | "not_a_signer"
  | "lapsed"
  | "bad_signature";

/** What stops a signature, before anything has left the device. */
export class SignRefusal extends Error {
  override readonly name = "SignRefusal";

  constructor(
    readonly reason: Reason,
    readonly field = "",
  ) {
    super(field === "" ? reason : `${reason}: ${field}`);
  }
}

/** Make the refusal to throw; `field` says where, never what stood there. */
export function refuse(reason: Reason, field = ""): SignRefusal {
  return new SignRefusal(reason, field);
}
