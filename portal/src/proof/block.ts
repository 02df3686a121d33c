import { compare, concat, equal, sha256, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { treeRoot } from "./merkle";
import { bytesField, intField, messageField, timestamp } from "./protobuf";
import { must } from "./refusal";
import * as s from "./shape";

const blockId = s.object({
  hash: s.perhapsDigest,
  parts: s.object({ total: s.whole, hash: s.perhapsDigest }),
});

/** A header as CometBFT's RPC writes it. */
export const header = s.object({
  version: s.object({ block: s.int64, app: s.int64 }),
  chain_id: s.text,
  height: s.int64,
  time: s.time,
  last_block_id: blockId,
  last_commit_hash: s.perhapsDigest,
  data_hash: s.perhapsDigest,
  validators_hash: s.perhapsDigest,
  next_validators_hash: s.perhapsDigest,
  consensus_hash: s.perhapsDigest,
  app_hash: s.upperHex,
  last_results_hash: s.perhapsDigest,
  evidence_hash: s.perhapsDigest,
  proposer_address: s.address,
});
export type Header = s.Of<typeof header>;

const vote = s.object({
  block_id_flag: s.whole,
  validator_address: s.perhapsAddress,
  timestamp: s.time,
  signature: s.perhapsSignature,
});
export type Vote = s.Of<typeof vote>;

export const commit = s.object({
  height: s.int64,
  round: s.whole,
  block_id: blockId,
  signatures: s.list(vote),
});
export type Commit = s.Of<typeof commit>;

const named = s.object({
  address: s.address,
  pub_key: s.object({ type: s.text, value: s.text }),
  voting_power: s.int64,
});
export const members = s.list(named);

export const lightBlock = s.object({
  header,
  commit,
  validators: members,
  next_validators: members,
});
export type LightBlock = s.Of<typeof lightBlock>;

/** A consensus key (Ed25519) and its voting power. */
export interface Validator {
  readonly key: Bytes;
  readonly power: bigint;
  readonly address: Bytes;
}

export function idBytes(id: s.Of<typeof blockId>): Bytes {
  const parts = concat(intField(1, id.parts.total), bytesField(2, id.parts.hash));
  return concat(bytesField(1, id.hash), messageField(2, parts));
}

/** The hash of a header (CometBFT v0.38, types/block.go): the RFC 6962 root over its 14 fields. */
export function headerHash(of: Header): Bytes {
  must(of.version.block === 11n, "unsupported_block_version", "only block protocol 11 is known");
  return treeRoot([
    concat(intField(1, of.version.block), intField(2, of.version.app)),
    bytesField(1, utf8(of.chain_id)),
    intField(1, of.height),
    timestamp(of.time),
    idBytes(of.last_block_id),
    bytesField(1, of.last_commit_hash),
    bytesField(1, of.data_hash),
    bytesField(1, of.validators_hash),
    bytesField(1, of.next_validators_hash),
    bytesField(1, of.consensus_hash),
    bytesField(1, of.app_hash),
    bytesField(1, of.last_results_hash),
    bytesField(1, of.evidence_hash),
    bytesField(1, of.proposer_address),
  ]);
}

export function validators(values: s.Of<typeof members>): Validator[] {
  const ed25519 = values.every((each) => each.pub_key.type === "tendermint/PubKeyEd25519");
  must(ed25519, "outdated_algorithm", "a validator key is not Ed25519");
  const pairs = values.map((each) => ({
    key: s.key(each.pub_key.value, "pub_key"),
    power: each.voting_power,
    address: each.address,
  }));
  const own = pairs.every((each) => equal(addressOf(each.key), each.address));
  must(own, "malformed", "a validator's address is not that of its key");
  return ordered(pairs);
}

const addressOf = (key: Bytes): Bytes => sha256(key).slice(0, 20);

/** The order of hashes and commits: most power first, then by address SHA-256(key)[:20]. */
export function ordered(pairs: readonly { key: Bytes; power: bigint }[]): Validator[] {
  const found = pairs.map(({ key, power }) => ({ key, power, address: addressOf(key) }));
  const names = new Set(found.map((each) => each.key.join()));
  must(names.size === found.length, "malformed", "a validator stands twice");
  const strong = found.every((each) => each.power > 0n);
  must(strong, "malformed", "a validator without voting power");
  return found.sort((one, other) =>
    one.power === other.power
      ? compare(one.address, other.address)
      : one.power > other.power
        ? -1
        : 1,
  );
}

export function validatorsHash(set: readonly Validator[]): Bytes {
  const leaf = (each: Validator): Bytes =>
    concat(messageField(1, messageField(1, each.key)), intField(2, each.power));
  return treeRoot(set.map(leaf));
}

export const sameSet = (one: readonly Validator[], other: readonly Validator[]): boolean =>
  one.length === other.length &&
  one.every((each, at) => {
    const second = other[at];
    return second !== undefined && each.power === second.power && equal(each.key, second.key);
  });

export const totalPower = (set: readonly Validator[]): bigint =>
  set.reduce((sum, each) => sum + each.power, 0n);
