import { concat, sha256 } from "./bytes";
import type { Bytes } from "./bytes";

const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

/** RFC 6962, section 2.1: split at the largest power of two below the number of leaves. */
export function treeRoot(leaves: readonly Bytes[]): Bytes {
  const [first] = leaves;
  if (first === undefined) return sha256(new Uint8Array());
  if (leaves.length === 1) return sha256(concat(LEAF, first));
  const split = Number(below(BigInt(leaves.length)));
  return node(treeRoot(leaves.slice(0, split)), treeRoot(leaves.slice(split)));
}

/** RFC 6962, section 2.1.1, backwards: the root that an audit path leads to, or null. */
export function pathRoot(
  leaf: Bytes,
  index: bigint,
  total: bigint,
  path: readonly Bytes[],
): Bytes | null {
  if (index < 0n || index >= total || (total === 1n) !== (path.length === 0)) return null;
  const last = path.at(-1);
  if (last === undefined) return sha256(concat(LEAF, leaf));
  const split = below(total);
  const right = index >= split;
  const [inner, size] = right ? [index - split, total - split] : [index, split];
  const found = pathRoot(leaf, inner, size, path.slice(0, -1));
  if (found === null) return null;
  return right ? node(last, found) : node(found, last);
}

const node = (left: Bytes, right: Bytes): Bytes => sha256(concat(NODE, left, right));

/** The largest power of two below a number above one. */
function below(total: bigint): bigint {
  let found = 1n;
  while (found * 2n < total) found *= 2n;
  return found;
}
