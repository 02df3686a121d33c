/** What this browser or its owner stopped; words are in `portal_account.json` below `troubles/`. */

export const TROUBLES = [
  "no_keys",
  "no_passkeys",
  "wrong_address",
  "cancelled",
  "known_here",
  "no_code",
  "not_begun_here",
  "outside_refused",
] as const;
export type TroubleName = (typeof TROUBLES)[number];

export class Trouble extends Error {
  readonly what: TroubleName;

  constructor(what: TroubleName) {
    super(what);
    this.name = "Trouble";
    this.what = what;
  }
}

export function trouble(what: TroubleName): Trouble {
  return new Trouble(what);
}
