/** How many approvals carry a proposal: as `governance/rules.py` counts them. */

export interface Vote {
  readonly approved: readonly string[];
  readonly opposed: readonly string[];
}

export interface Count {
  readonly approved: number;
  readonly opposed: number;
  readonly needed: number;
}

/** `without`: the member whom a removal is about; they neither vote nor count. */
export function count(
  vote: Vote,
  members: readonly string[],
  share: readonly [numerator: number, denominator: number],
  without?: string,
): Count {
  const electorate = members.filter((each) => each !== without);
  const [numerator, denominator] = share;
  const least = without === undefined ? 1 : 2;
  const held = Math.floor((electorate.length * numerator) / denominator) + 1;
  const among = (names: readonly string[]): number =>
    names.filter((each) => electorate.includes(each)).length;
  return {
    approved: among(vote.approved),
    opposed: among(vote.opposed),
    needed: Math.max(least, held),
  };
}
