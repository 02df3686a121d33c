import { header, headerHash } from "./block";
import type { Header } from "./block";
import { equal, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { DRIFT, readTrust } from "./follow";
import type { Level, Trust } from "./follow";
import { isObject, load } from "./json";
import type { JsonObject } from "./json";
import { pathRoot } from "./merkle";
import { isCosigner, readKey, readLogProof, signers } from "./notes";
import type { LogProof } from "./notes";
import { promoted } from "./promotion";
import { checkReceipt, receiptProved } from "./receipt";
import type { Recorded } from "./receipt";
import { NotVerified, must } from "./refusal";
import { SECOND } from "./shape";
import { checkState, stateProved } from "./state";
import type { Held } from "./state";

export const ONE_SIGNER =
  "one validator held more than two thirds of the power: it wrote the chain alone";

/** What was proved, in the members and words of `yilian verify --json`. */
export interface Verified {
  readonly proved: string;
  readonly chain_id: string;
  readonly height: number;
  readonly time: string;
  readonly level: Level;
  readonly warnings: readonly string[];
  readonly witnessed: string;
  readonly witnesses: readonly string[];
  /** The parts, for a page to show. */
  readonly found: Recorded | Held;
}

/**
 * Check a receipt or a state proof against a trust file (all JSON), offline, as `sdk/verify.py` and
 * `sdk/verify_log.py` do; `logProofs` are `.tlog-proof` files that witnesses signed. Throws
 * `NotVerified` with the code that `yilian verify` gives.
 */
export function verify(paper: Bytes, trust: Bytes, logProofs: readonly Bytes[] = []): Verified {
  const pinned = readTrust(load(trust));
  return verifyWith(paper, pinned, logProofs);
}

/** As `verify`, with a trust file that is read already. */
export function verifyWith(
  paper: Bytes,
  pinned: Trust,
  logProofs: readonly Bytes[] = [],
): Verified {
  const value = load(paper);
  if (logProofs.length === 0) return judge(value, promoted(pinned, value));
  const name = "next_header" in value ? "next_header" : "header";
  const signed = header(value[name] ?? null, name);
  const found = witnessed(signed, logProofs.map(readLogProof), pinned);
  const times = [...found.values()].sort((one, other) => Number(one - other));
  const moment = times[Number(pinned.threshold ?? 1n) - 1] ?? 0n;
  const now = moment * SECOND < pinned.now ? moment * SECOND : pinned.now;
  const judged = judge(value, promoted({ ...pinned, now }, value));
  return {
    ...judged,
    level: "archived",
    warnings: [...judged.warnings, ...(judged.level === "one signer" ? [ONE_SIGNER] : [])],
    witnessed: new Date(Number(moment) * 1000).toISOString().replace(".000Z", "Z"),
    witnesses: [...found.keys()].sort(),
  };
}

function judge(value: JsonObject, trust: Trust): Verified {
  const found = check(value, trust);
  const head = value["header"];
  return {
    proved: found.kind === "transaction" ? receiptProved(found) : stateProved(found),
    chain_id: found.header.chain_id,
    height: Number(found.height),
    time: isObject(head) && typeof head["time"] === "string" ? head["time"] : "",
    level: found.level,
    warnings: found.warnings,
    witnessed: "",
    witnesses: [],
    found,
  };
}

function check(value: JsonObject, trust: Trust): Recorded | Held {
  if (value["format"] === "yilian-receipt/1") return checkReceipt(value, trust);
  if (value["format"] === "yilian-state-proof/1") return checkState(value, trust);
  throw new NotVerified("unsupported_format", "known are yilian-receipt/1, yilian-state-proof/1");
}

/** The log's entry for a header (docs/formats/log.md). */
function entry(of: Header): Bytes {
  return utf8(
    `{"app_hash":"${toHex(of.app_hash)}","header_hash":"${toHex(headerHash(of))}",` +
      `"height":${of.height},"next_validators_hash":"${toHex(of.next_validators_hash)}",` +
      `"time":"${of.time}","validators_hash":"${toHex(of.validators_hash)}"}`,
  );
}

/** The pinned witnesses that signed for a header's entry, with their earliest times (s). */
function witnessed(of: Header, proofs: readonly LogProof[], trust: Trust): Map<string, bigint> {
  const witnesses = trust.witnesses.map(readKey);
  const logs = trust.logKeys.map(readKey);
  const some = witnesses.length > 0 && witnesses.every(isCosigner);
  must(some, "no_witnesses", "the trust file pins no witness");
  const names = new Set(witnesses.map((each) => each.name));
  const needed = trust.threshold ?? 0n;
  const sound = needed >= 1n && needed <= BigInt(names.size);
  must(sound, "no_witnesses", "the threshold is not 1 to the number of witnesses");
  const found = new Map<string, bigint>();
  for (const { index, path, checkpoint } of proofs) {
    const own = checkpoint.origin === `yilian/chain/${of.chain_id}`;
    must(own, "wrong_log", "of another log");
    const root = pathRoot(entry(of), index, checkpoint.size, path);
    const there = root !== null && equal(root, checkpoint.root);
    must(there, "not_in_log", "the way does not lead to the root");
    const shown = signers(checkpoint, logs).size > 0 || logs.length === 0;
    must(shown, "log_not_signed", "no pinned log key signed the checkpoint");
    for (const [name, seconds] of signers(checkpoint, witnesses)) {
      const early = seconds * SECOND <= trust.now + DRIFT;
      must(early, "witness_from_future", "signed ahead of the reader's clock");
      const before = found.get(name);
      found.set(name, before === undefined || seconds < before ? seconds : before);
    }
  }
  const enough = BigInt(found.size) >= needed;
  must(enough, "too_few_witnesses", `${found.size} of ${needed} witnesses signed`);
  return found;
}
