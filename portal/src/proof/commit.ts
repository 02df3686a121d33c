import { ed25519 } from "@noble/curves/ed25519.js";
import { headerHash, idBytes, totalPower, validatorsHash } from "./block";
import type { Commit, Header, Validator, Vote } from "./block";
import { concat, equal, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { bytesField, fixed64Field, intField, messageField, timestamp, varint } from "./protobuf";
import { NotVerified, must } from "./refusal";
import { SECOND } from "./shape";

const [ABSENT, COMMIT, NIL] = [1n, 2n, 3n];
const BEFORE_ALL = -62_135_596_800n * SECOND;

/** Judge an Ed25519 signature under ZIP-215, the rule of CometBFT's votes; not WebCrypto's rule. */
export function validSignature(key: Bytes, message: Bytes, signature: Bytes): boolean {
  if (key.length !== 32 || signature.length !== 64) return false;
  try {
    return ed25519.verify(signature, message, key, { zip215: true });
  } catch {
    return false;
  }
}

/** A vote signs the length-prefixed CanonicalVote (a precommit) of CometBFT. */
function checkVote(chain: string, commit: Commit, vote: Vote, key: Bytes): void {
  const named = vote.block_id_flag === COMMIT ? messageField(4, idBytes(commit.block_id)) : [];
  const body = concat(
    intField(1, 2n),
    fixed64Field(2, commit.height),
    fixed64Field(3, commit.round),
    Uint8Array.from(named),
    messageField(5, timestamp(vote.timestamp)),
    bytesField(6, utf8(chain)),
  );
  const valid = validSignature(key, concat(varint(BigInt(body.length)), body), vote.signature);
  must(valid, "bad_signature", `not signed by ${toHex(vote.validator_address)}`);
}

/** The commit must speak of this header, and the header of these validators. */
export function checkBinding(header: Header, commit: Commit, set: readonly Validator[]): void {
  must(commit.height === header.height, "wrong_commit_height", "of another height");
  const same = equal(commit.block_id.hash, headerHash(header));
  must(same, "wrong_block", "the commit names another block");
  const own = equal(validatorsHash(set), header.validators_hash);
  must(own, "wrong_validators", "the validators are not those that the header names");
}

/** More than two thirds of the power voted for it; every vote given, NIL too, is valid. */
export function checkCommit(header: Header, commit: Commit, set: readonly Validator[]): void {
  const places = commit.signatures;
  must(places.length === set.length, "wrong_vote_count", "not one place per validator");
  let signed = 0n;
  places.forEach((vote, at) => {
    const flag = vote.block_id_flag;
    const known = flag === ABSENT || flag === COMMIT || flag === NIL;
    must(known, "malformed", "block_id_flag must be 1, 2 or 3");
    if (flag === ABSENT) {
      must(isBlank(vote), "malformed", "the place of an absent vote must be empty");
      return;
    }
    const validator = set[at];
    if (validator === undefined || !equal(vote.validator_address, validator.address)) {
      throw new NotVerified("wrong_vote_order", "in another validator's place");
    }
    checkVote(header.chain_id, commit, vote, validator.key);
    if (flag === COMMIT) signed += validator.power;
  });
  const total = totalPower(set);
  must(3n * signed > 2n * total, "not_enough_power", `${signed} of ${total} power signed`);
}

function isBlank(vote: Vote): boolean {
  const timeless = vote.timestamp === 0n || vote.timestamp === BEFORE_ALL;
  return vote.validator_address.length === 0 && vote.signature.length === 0 && timeless;
}

/** The jump rule: more than a third of the power trusted so far voted for the block too. */
export function checkOverlap(chain: string, commit: Commit, trusted: readonly Validator[]): void {
  const given = commit.signatures.filter((vote) => vote.block_id_flag === COMMIT);
  const votes = new Map(given.map((vote) => [toHex(vote.validator_address), vote]));
  must(votes.size === given.length, "repeated_vote", "a validator voted twice");
  let signed = 0n;
  for (const each of trusted) {
    const vote = votes.get(toHex(each.address));
    if (vote === undefined) continue;
    checkVote(chain, commit, vote, each.key);
    signed += each.power;
  }
  const total = totalPower(trusted);
  must(3n * signed > total, "unknown_validators", `${signed} of ${total} trusted power signed`);
}
