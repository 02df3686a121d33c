import { concat, equal, fromBase64url, sha256, toBase64url, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import type { Trust } from "./follow";
import { canonical, isObject, load } from "./json";
import type { Json, JsonObject } from "./json";
import { pathRoot } from "./merkle";
import { NotVerified, must } from "./refusal";
import * as s from "./shape";
import { verifyWith } from "./verify";
import type { Verified } from "./verify";

const MAX_STEPS = 64;
const word = (pattern: RegExp): s.Read<string> => (value, where) => {
  if (typeof value === "string" && pattern.test(value)) return value;
  throw new NotVerified("malformed", `${where} is not of the shape that the format prescribes`);
};
const id = word(/^[A-Za-z0-9_-]{21}[AQgw]$/);
const digest = word(/^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/);
const place = { batch: id, index: s.whole, total: s.whole, path: s.list(digest) };

const recordProof = s.object({
  format: word(/^yilian-record-proof\/1$/),
  record: id,
  commitment: digest,
  salt: s.nullable(digest),
  replaces: s.nullable(id),
  ...place,
});
const journalProof = s.object({ format: word(/^yilian-disclosure-proof\/1$/), line: s.anything, ...place });
const batchValue = s.object({
  organisation: id,
  of: word(/^(?:records|disclosures)$/),
  root: digest,
  size: s.whole,
  since: s.whole,
  time: s.whole,
});
type Batch = s.Of<typeof batchValue>;

/** Read canonical JSON of a shape, as the ledger's codec does: another spelling is refused. */
function exact<T>(data: Bytes, read: s.Read<T>, where: string): T {
  const value = load(data);
  const found = read(value, where);
  must(equal(canonical(value), data), "not_canonical", `${where} is another spelling`);
  return found;
}

/** A record's bytes are those that an organisation anchored, in a batch that the chain holds. */
export interface AnchoredRecord extends Verified {
  readonly record: string;
  readonly batch: string;
  /** When the chain took the batch in, ms since 1970. */
  readonly anchored: number;
}

/**
 * Check that `content` is the exact record that `proof` (`yilian-record-proof/1`, with its salt)
 * speaks of, anchored by `organisation`: `batch` is the state proof of the batch. Throws
 * `NotVerified` with the reasons of `yilian verify-export`.
 */
export function verifyRecord(
  content: Bytes,
  proof: Bytes,
  batch: Bytes,
  organisation: string,
  trust: Trust,
): AnchoredRecord {
  const found = exact(proof, recordProof, "record proof");
  const steps = path(found.path);
  const [proved, held] = anchored(batch, found.batch, trust);
  must(held.of === "records", "batch_of_another", "the batch is not one of records");
  checkBatch(held, organisation, found.total);
  must(found.salt !== null, "salt_missing", "the proof has no salt");
  const opened = commit(binary(found.salt), content) === found.commitment;
  must(opened, "content_differs", "the commitment does not open to this content");
  const leaf: JsonObject = { commitment: found.commitment, record: found.record };
  if (found.replaces !== null) leaf["replaces"] = found.replaces;
  const inside = leads(canonical(leaf), found.index, found.total, steps, held.root);
  must(inside, "record_not_in_batch", "the path does not lead to the batch's root");
  return {
    ...proved,
    record: found.record,
    batch: found.batch,
    anchored: Number(held.time),
  };
}

/** Check that a line of the journal of readings (`yilian-disclosure-proof/1`) is in its batch. */
export function verifyReading(
  proof: Bytes,
  batch: Bytes,
  organisation: string,
  trust: Trust,
): Verified & { readonly line: Json } {
  const found = exact(proof, journalProof, "journal proof");
  const steps = path(found.path);
  const [proved, held] = anchored(batch, found.batch, trust);
  must(held.of === "disclosures", "batch_of_another", "the batch is not one of readings");
  checkBatch(held, organisation, found.total);
  const inside = leads(canonical(found.line), found.index, found.total, steps, held.root);
  must(inside, "line_not_in_batch", "the path does not lead to the batch's root");
  return { ...proved, line: found.line };
}

function checkBatch(held: Batch, organisation: string, total: bigint): void {
  const own = held.organisation === organisation;
  must(own, "organisation_differs", "another organisation anchored the batch");
  must(held.size === total, "batch_differs", "the batch has another size");
}

/** Check a state proof, and that it is of this batch; gives what the chain holds. */
function anchored(paper: Bytes, batch: string, trust: Trust): [Verified, Batch] {
  const proved = verifyWith(paper, trust);
  const { found } = proved;
  const own = found.kind === "state" && found.key === `records/batch/${batch}`;
  must(own, "proof_of_another", "the state proof is not of the record's batch");
  must(found.value !== null, "not_anchored", "the chain does not hold the batch");
  return [proved, exact(utf8(found.value), batchValue, "batch")];
}

/** SHA-256(domain | 0x00 | salt | SHA-256(content)), base64url: `vault/envelope.py`. */
export function commit(salt: Bytes, content: Bytes): string {
  const domain = utf8("yilian/commitment/content/1\0");
  return toBase64url(sha256(concat(domain, salt, sha256(content))));
}

function path(steps: readonly string[]): Bytes[] {
  must(steps.length <= MAX_STEPS, "malformed", "the path is too long");
  return steps.map(binary);
}

function binary(text: string): Bytes {
  const data = fromBase64url(text);
  must(data !== null, "malformed", "not base64url");
  return data;
}

function leads(
  leaf: Bytes,
  index: bigint,
  total: bigint,
  steps: readonly Bytes[],
  root: string,
): boolean {
  const found = pathRoot(leaf, index, total, steps);
  return found !== null && toBase64url(found) === root;
}

/** Give the id of the batch that a record proof names, to ask the chain for it. */
export function batchOf(proof: Bytes): string {
  const value = load(proof)["batch"];
  return id(isObject(value) ? null : (value ?? null), "batch");
}
