import * as b from "./block";
import type { Commit, Header, LightBlock, Validator } from "./block";
import { STATE_HASHES, equal } from "./bytes";
import type { Bytes, Hash } from "./bytes";
import { checkBinding, checkCommit, checkOverlap } from "./commit";
import type { JsonObject } from "./json";
import { must } from "./refusal";
import * as s from "./shape";

/** How far ahead of the reader's clock a newly trusted header may be (CometBFT's default), in ns. */
export const DRIFT = 10n * s.SECOND;
export const TRUST_OLD = "the trusting period is over: the pinned keys may have leaked since";

export type Level = "one signer" | "agreed" | "archived";

/** What is trusted: what a `yilian-trust/1` pins, or what a walk from there reached. */
export interface Trust {
  readonly chain: string;
  readonly pinned: readonly Validator[];
  readonly height: bigint;
  /** Nanoseconds since 1970, as `now` and `period` are. */
  readonly time: bigint;
  readonly period: bigint;
  readonly now: bigint;
  readonly hash: Hash;
  /** Hash of the block reached by walking; null at the file itself. */
  readonly block: Bytes | null;
  readonly walked: boolean;
  readonly sets: readonly (readonly Validator[])[];
  readonly witnesses: readonly string[];
  readonly threshold: bigint | null;
  readonly logKeys: readonly string[];
}

const trustFile = s.loose(
  {
    format: s.text,
    chain_id: s.text,
    validators: s.list(s.object({ pub_key: s.key, voting_power: s.power })),
    height: s.whole,
    time: s.time,
    trusting_period_s: s.whole,
  },
  { witnesses: s.list(s.text), witness_threshold: s.whole, log_keys: s.list(s.text) },
);

/** Read a `yilian-trust/1` file; without `now` the machine's clock is asked. */
export function readTrust(file: JsonObject): Trust {
  const { now: told = null, state_hash: hashing = "sha256", ...rest } = file;
  const now = s.nullable(s.time)(told, "trust.now");
  const hash = STATE_HASHES.get(typeof hashing === "string" ? hashing : "");
  must(hash !== undefined, "unsupported_format", "an unknown hash of the state tree");
  const trust = trustFile(rest, "trust");
  must(trust.format === "yilian-trust/1", "unsupported_format", "not a yilian-trust/1");
  const pinned = b.ordered(
    trust.validators.map((each) => ({ key: each.pub_key, power: each.voting_power })),
  );
  must(pinned.length > 0, "malformed", "trust without validators");
  return {
    chain: trust.chain_id,
    pinned,
    height: trust.height,
    time: trust.time,
    period: trust.trusting_period_s * s.SECOND,
    now: now ?? BigInt(Date.now()) * 1_000_000n,
    hash,
    block: null,
    walked: false,
    sets: [pinned],
    witnesses: trust.witnesses ?? [],
    threshold: trust.witness_threshold,
    logKeys: trust.log_keys ?? [],
  };
}

/** Where a header stands, for `checkNewer`. */
export interface Place {
  readonly chain: string;
  readonly height: bigint;
  readonly time: bigint;
}

export const placeOf = (header: Header): Place => ({
  chain: header.chain_id,
  height: header.height,
  time: header.time,
});

export function checkNewer(trusted: Trust, place: Place): void {
  must(trusted.time + trusted.period > trusted.now, "trust_expired", "the trusting period is over");
  must(place.chain === trusted.chain, "wrong_chain", "of another chain");
  must(place.height > trusted.height, "height_not_above_trust", "not above trust");
  must(place.time > trusted.time, "time_not_monotone", "not later than trust");
  must(place.time < trusted.now + DRIFT, "header_from_future", "ahead of the reader's clock");
}

/**
 * Walk headers at which the validators change, by height; gives what is trusted after them.
 * Those at and below the trusted height are passed over, but must hold in themselves.
 */
export function follow(from: Trust, blocks: readonly LightBlock[]): Trust {
  let trusted = from;
  let last = 0n;
  for (const { header, commit, ...named } of blocks) {
    const validators = b.validators(named.validators);
    const following = b.validators(named.next_validators);
    checkBinding(header, commit, validators);
    checkCommit(header, commit, validators);
    const same = equal(b.validatorsHash(following), header.next_validators_hash);
    must(same, "wrong_validators", "the next validators are not those that are named");
    must(header.height > last, "height_not_above_trust", "the history is not in order");
    last = header.height;
    if (last <= from.height) continue;
    checkStep(trusted, header, commit, validators);
    trusted = {
      ...trusted,
      height: last,
      time: header.time,
      block: commit.block_id.hash,
      pinned: following,
      walked: true,
      sets: [...trusted.sets, following],
    };
  }
  return trusted;
}

/** From a trusted header to a later one: adjacent, or a jump. */
function checkStep(
  trusted: Trust,
  header: Header,
  commit: Commit,
  validators: readonly Validator[],
): void {
  checkNewer(trusted, placeOf(header));
  const same = b.sameSet(validators, trusted.pinned);
  if (trusted.block !== null && header.height === trusted.height + 1n) {
    must(same, "wrong_validators", "not those that the header before names");
    const linked = equal(header.last_block_id.hash, trusted.block);
    must(linked, "header_not_linked", "it follows another block");
  } else if (!same) {
    checkOverlap(header.chain_id, commit, trusted.pinned);
  }
}

/** What a receipt or state proof carries to show that its header is agreed on. */
export interface Signed {
  readonly commit: Commit;
  readonly validators: s.Of<typeof b.members>;
  readonly history: readonly LightBlock[] | null;
}

export interface Agreed {
  readonly level: Level;
  readonly warnings: readonly string[];
  /** The header that was signed, and by whom. */
  readonly header: Header;
  readonly validators: readonly Validator[];
  readonly signers: number;
}

/** Check the commit on `header` against what is trusted; gives level and warnings. */
export function checkAgreed(header: Header, proof: Signed, trust: Trust): Agreed {
  const validators = b.validators(proof.validators);
  must(header.chain_id === trust.chain, "wrong_chain", "of another chain");
  const trusted = follow(trust, proof.history ?? []);
  checkBinding(header, proof.commit, validators);
  // The file's own validators hold below its height and after its period too, with a warning.
  if (trusted.walked || !b.sameSet(validators, trusted.pinned)) {
    checkStep(trusted, header, proof.commit, validators);
  }
  checkCommit(header, proof.commit, validators);
  const warnings = trust.time + trust.period <= trust.now ? [TRUST_OLD] : [];
  // Whoever holds more than two thirds decides alone, whatever the number of validators.
  const alone = [validators, ...trusted.sets].some(
    (set) => 3n * (set[0]?.power ?? 0n) > 2n * b.totalPower(set),
  );
  const signers = proof.commit.signatures.filter((vote) => vote.block_id_flag === 2n).length;
  return { level: alone ? "one signer" : "agreed", warnings, header, validators, signers };
}

