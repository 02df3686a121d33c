import { commit, header, headerHash, lightBlock, members } from "./block";
import { concat, equal, sha256, toHex, utf8 } from "./bytes";
import { checkAgreed } from "./follow";
import type { Agreed, Trust } from "./follow";
import { canonical } from "./json";
import type { Json, JsonObject } from "./json";
import { pathRoot } from "./merkle";
import { bytesField, intField } from "./protobuf";
import { must } from "./refusal";
import * as s from "./shape";

const place = s.object({ index: s.whole, total: s.whole, path: s.list(s.digest) });
const result = s.object({ code: s.whole, data: s.hex, gas_wanted: s.whole, gas_used: s.whole });

/** The ways from an older trust file, which receipts and state proofs may carry. */
export const ways = { history: s.list(lightBlock), promotions: s.list(s.anything) };

const receipt = s.loose(
  {
    format: s.text,
    transaction: s.text,
    inclusion: place,
    result,
    result_inclusion: place,
    events: s.list(s.anything),
    next_header: header,
    header,
    commit,
    validators: members,
  },
  ways,
);

/** What a receipt says once it is checked. */
export interface Recorded extends Agreed {
  readonly kind: "transaction";
  readonly hash: string;
  readonly code: number;
  readonly events: readonly Json[];
  readonly height: bigint;
}

/**
 * Check that a transaction is recorded, with this result and these events.
 *
 * Index and total are not in the answer: a root binds the way to a leaf, not the two numbers. Equal
 * ways in two trees of one length are the same place, and that is what is used.
 */
export function checkReceipt(value: JsonObject, trust: Trust): Recorded {
  const found = receipt(value, "receipt");
  const [before, after] = [found.header, found.next_header];
  must(before.chain_id === after.chain_id, "wrong_chain", "the two headers are of two chains");
  must(after.height === before.height + 1n, "wrong_height", "not consecutive");
  must(after.time > before.time, "time_not_monotone", "the next header is not later");
  const linked = equal(after.last_block_id.hash, headerHash(before));
  must(linked, "header_not_linked", "the next header follows another block");
  const hash = checkPlaces(found);
  const { code, data } = found.result;
  const nothing = code !== 0n && found.events.length === 0 && data.length === 0;
  const told = nothing || equal(sha256(canonical(found.events)), data);
  must(told, "events_differ", "the events are not those that the result commits to");
  const agreed = checkAgreed(after, found, trust);
  const { events } = found;
  return { ...agreed, kind: "transaction", hash, code: Number(code), events, height: before.height };
}

/** The transaction and its result stand at the same place in both trees; gives the hash. */
function checkPlaces(found: s.Of<typeof receipt>): string {
  const { index, total, path } = found.inclusion;
  const other = found.result_inclusion;
  const same = index === other.index && total === other.total;
  must(same, "result_of_another", "the result is at another place");
  const digest = sha256(utf8(found.transaction));
  const root = pathRoot(digest, index, total, path);
  const held = root !== null && equal(root, found.header.data_hash);
  must(held, "transaction_not_in_block", "the path does not lead to the data hash");
  const { code, data, gas_wanted: wanted, gas_used: used } = found.result;
  const leaf = concat(intField(1, code), bytesField(2, data), intField(5, wanted), intField(6, used));
  const results = pathRoot(leaf, index, total, other.path);
  const stood = results !== null && equal(results, found.next_header.last_results_hash);
  must(stood, "result_not_in_block", "the path does not lead to the results hash");
  return toHex(digest);
}

/** What was proved, in the words of `yilian verify`. */
export const receiptProved = (found: Recorded): string =>
  `transaction ${found.hash} is recorded and was ${
    found.code === 0 ? "accepted, with the events shown" : `refused with code ${found.code}`
  }`;
