import { commit, header, members } from "./block";
import { compare, concat, equal } from "./bytes";
import type { Bytes, Hash } from "./bytes";
import { checkAgreed } from "./follow";
import type { Agreed, Trust } from "./follow";
import { isObject } from "./json";
import type { JsonObject } from "./json";
import { ways } from "./receipt";
import { must } from "./refusal";
import * as s from "./shape";

const MAX_PATH = 256;
const EMPTY = new Uint8Array(32);
const LEAF = Uint8Array.of(0);

const step = s.object({ prefix: s.hex, suffix: s.hex });
type Step = s.Of<typeof step>;
const exist = s.object({ key: s.textBytes, value: s.textBytes, path: s.list(step) });
type Exist = s.Of<typeof exist>;
const existence = s.object({ exist });
const absence = s.object({
  nonexist: s.object({ left: s.nullable(exist), right: s.nullable(exist) }),
});
const stateProof = s.loose(
  {
    format: s.text,
    key: s.textBytes,
    value: s.nullable(s.textBytes),
    proof: s.anything,
    header,
    commit,
    validators: members,
  },
  ways,
);

/** What a state proof says once it is checked: after `height`, `key` held `value` or nothing. */
export interface Held extends Agreed {
  readonly kind: "state";
  readonly key: string;
  readonly value: string | null;
  readonly height: bigint;
}

/** Check a key's value or absence after the block below the proof's header (ICS-23, SmtSpec). */
export function checkState(value: JsonObject, trust: Trust): Held {
  const found = stateProof(value, "state proof");
  const root = found.header.app_hash;
  if (found.value === null) {
    const { left, right } = absence(found.proof, "proof").nonexist;
    checkAbsent(found.key, left, right, root, trust.hash);
  } else {
    const there = existence(found.proof, "proof").exist;
    const same = equal(there.key, found.key) && equal(there.value, found.value);
    must(same, "proof_of_another", "the proof speaks of another key or value");
    checkExist(there, root, trust.hash);
  }
  const agreed = checkAgreed(found.header, found, trust);
  const text = (name: string): string | null => {
    const told = isObject(value) ? value[name] : null;
    return typeof told === "string" ? told : null;
  };
  return {
    ...agreed,
    kind: "state",
    key: text("key") ?? "",
    value: text("value"),
    height: found.header.height - 1n,
  };
}

/** Leaf H(0x00 | H(key) | H(value)), then H(prefix | child | suffix) up; H is the profile's. */
export function checkExist(found: Exist, root: Bytes, h: Hash): void {
  must(found.path.length <= MAX_PATH, "malformed", "the path is too long");
  let digest = h(concat(LEAF, h(found.key), h(found.value)));
  for (const { prefix, suffix } of found.path) {
    const left = prefix.length === 1 && suffix.length === 32;
    const right = prefix.length === 33 && suffix.length === 0;
    must(prefix[0] === 1 && (left || right), "malformed", "a step is not of the SmtSpec");
    digest = h(concat(prefix, digest, suffix));
  }
  must(equal(digest, root), "value_not_in_state", "the path does not lead to the app hash");
}

/** The key lies between two true neighbours, or beyond the outermost leaf on one side. */
export function checkAbsent(
  key: Bytes,
  left: Exist | null,
  right: Exist | null,
  root: Bytes,
  h: Hash,
): void {
  const some = left !== null || right !== null || equal(root, EMPTY);
  must(some, "not_absent", "no neighbours, but a state");
  for (const side of [left, right]) if (side !== null) checkExist(side, root, h);
  const lower = left === null || compare(h(left.key), h(key)) < 0;
  const upper = right === null || compare(h(key), h(right.key)) < 0;
  must(lower && upper, "not_absent", "the key does not lie between the neighbours");
  let below = [...(left?.path ?? [])];
  let above = [...(right?.path ?? [])];
  if (left !== null && right !== null) [below, above] = parted(below, above);
  // The prefix of a step holds the branch to the left, its suffix the one to the right.
  const between = [
    ...below.map((each) => each.suffix),
    ...above.map((each) => each.prefix.slice(1)),
  ];
  const adjacent = between.every((branch) => branch.length === 0 || equal(branch, EMPTY));
  must(adjacent, "not_absent", "the neighbours are not next to each other");
}

/** Drop the way that both share, from the root down; then they part, left from right. */
function parted(below: Step[], above: Step[]): [Step[], Step[]] {
  while (sameStep(below.at(-1), above.at(-1))) {
    below.pop();
    above.pop();
  }
  const [one, other] = [below.pop(), above.pop()];
  const part = one !== undefined && other !== undefined;
  const apart = part && one.suffix.length > 0 && other.suffix.length === 0;
  must(apart, "not_absent", "the neighbours do not part left from right");
  return [below, above];
}

const sameStep = (one: Step | undefined, other: Step | undefined): boolean =>
  one !== undefined &&
  other !== undefined &&
  equal(one.prefix, other.prefix) &&
  equal(one.suffix, other.suffix);

/** What was proved, in the words of `yilian verify`. */
export const stateProved = (found: Held): string =>
  `state key ${found.key} ${found.value === null ? "is absent" : `has the value ${found.value}`}`;
