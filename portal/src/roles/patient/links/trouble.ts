/** Why a link does not open, by keys of `portal_open.json`. */
export const PASSCODE_WRONG = "passcode_wrong";

export type Trouble =
  | "damaged"
  | "elsewhere"
  | "newer"
  | "no_link"
  | "not_there"
  | typeof PASSCODE_WRONG
  | "too_often"
  | "unreachable";

export class TroubleError extends Error {
  readonly trouble: Trouble;
  /** Tries that are left, after a wrong passcode. */
  readonly left: number;

  constructor(trouble: Trouble, left = 0) {
    super(trouble);
    this.name = "TroubleError";
    this.trouble = trouble;
    this.left = left;
  }
}
