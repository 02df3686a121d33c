/** Thrown where a proof does not hold: `code` is stable and says why, `detail` says what. */
export class NotVerified extends Error {
  constructor(
    readonly code: string,
    readonly detail: string,
  ) {
    super(`${code}: ${detail}`);
    this.name = "NotVerified";
  }
}

export function must(holds: boolean, code: string, detail: string): asserts holds {
  if (!holds) throw new NotVerified(code, detail);
}
