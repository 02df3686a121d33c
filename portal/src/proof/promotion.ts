import { lightBlock, ordered, sameSet, totalPower } from "./block";
import type { Validator } from "./block";
import { concat, fromBase64url, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { validSignature } from "./commit";
import { checkNewer, follow } from "./follow";
import type { Trust } from "./follow";
import { canonical, isObject } from "./json";
import type { Json, JsonObject } from "./json";
import { must } from "./refusal";
import * as s from "./shape";

const MAX_LINKS = 16;
const voter = s.object({ public: s.text, power: s.power });
const record = s.object({
  format: s.text,
  old: s.object({
    chain: s.text,
    height: s.whole,
    header: s.text,
    state: s.text,
    validators: s.list(voter),
  }),
  new: s.object({
    chain: s.text,
    time: s.whole,
    genesis: s.text,
    validators: s.list(voter),
  }),
  signatures: s.list(s.object({ public: s.text, signature: s.text })),
});
const link = s.object({ record: s.anything, history: s.list(lightBlock) });

interface Promotion {
  readonly old: s.Of<typeof record>["old"];
  readonly next: s.Of<typeof record>["new"];
  readonly set: readonly Validator[];
}

/** Read unpadded base64url of so many bytes. */
function binary(text: string, length: number): Bytes {
  const data = fromBase64url(text);
  const good = data?.length === length;
  must(good, "malformed", `not ${length} bytes in base64url`);
  return data;
}

const voters = (named: readonly s.Of<typeof voter>[]): Validator[] =>
  ordered(named.map((each) => ({ key: binary(each.public, 32), power: each.power })));

/** Read a promotion's record; more than two thirds of the old power must have signed. */
function readRecord(value: Json): Promotion {
  const found = record(value, "promotion");
  const known = found.format === "yilian-promotion/1";
  must(known, "unsupported_format", "not a yilian-promotion/1");
  for (const each of [found.old.header, found.old.state, found.new.genesis]) binary(each, 32);
  const told = isObject(value) ? value : {};
  const signing = canonical({ new: told["new"] ?? null, old: told["old"] ?? null });
  const old = voters(found.old.validators);
  checkMarks(found.signatures, old, concat(utf8("yilian-promotion/1\n"), signing));
  return { old: found.old, next: found.new, set: voters(found.new.validators) };
}

function checkMarks(
  marks: s.Of<typeof record>["signatures"],
  old: readonly Validator[],
  text: Bytes,
): void {
  const left = new Map(old.map((each) => [each.key.join(), each.power]));
  let signed = 0n;
  for (const mark of marks) {
    const [key, signature] = [binary(mark.public, 32), binary(mark.signature, 64)];
    const power = left.get(key.join());
    must(power !== undefined, "repeated_vote", "signed by a stranger, or twice");
    const valid = validSignature(key, text, signature);
    must(valid, "bad_signature", "a promotion's signature is not valid");
    signed += power;
    left.delete(key.join());
  }
  const enough = 3n * signed > 2n * totalPower(old);
  must(enough, "not_enough_power", "two thirds or less signed the promotion");
}

/**
 * Go from the trusted chain to the one a proof speaks of, over the proof's `promotions`; gives what
 * is trusted of the newest chain reached.
 */
export function promoted(from: Trust, value: JsonObject): Trust {
  const header = value["header"];
  const chain = isObject(header) ? header["chain_id"] : null;
  const links = "promotions" in value ? value["promotions"] : [];
  const few = Array.isArray(links) && links.length <= MAX_LINKS;
  must(few, "malformed", "not promotions");
  let trusted = from;
  for (const each of links) {
    const found = link(each, "promotion");
    const promotion = readRecord(found.record);
    const needed = trusted.chain !== chain && promotion.old.chain === trusted.chain;
    // What is not needed must still hold in itself.
    if (needed) trusted = goOn(follow(trusted, found.history), promotion);
    else follow({ ...trusted, height: 2n ** 63n }, found.history);
  }
  return trusted;
}

function goOn(trusted: Trust, { old, next, set }: Promotion): Trust {
  const began = next.time * 1_000_000n;
  checkNewer(trusted, { chain: old.chain, height: old.height, time: began });
  const same = sameSet(voters(old.validators), trusted.pinned);
  must(same, "wrong_validators", "not those of the old chain signed the promotion");
  return {
    ...trusted,
    chain: next.chain,
    height: old.height,
    // The first block of the new chain has the time of its genesis, and must be later than this.
    time: began - 1n,
    block: null,
    pinned: set,
    sets: [...trusted.sets, set],
    walked: true,
  };
}
