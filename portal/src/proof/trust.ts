/**
 * Whom this browser believes about the chain. At the first contact it keeps the validators that the
 * server names (trust on first use), or those of a trust file that the user opened; from then on
 * every proof must connect to them. So a server can deceive at the first contact, not later; and
 * the fingerprint lets people compare what they keep with what the organisation printed.
 */
import { validatorsHash } from "./block";
import type { Validator } from "./block";
import { concat, equal, sha256, toBase64, toBase64url, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { readTrust } from "./follow";
import type { Trust } from "./follow";
import { canonical, load as parse } from "./json";
import type { JsonObject } from "./json";
import { NotVerified, must } from "./refusal";
import { SECOND } from "./shape";
import type { Verified } from "./verify";

/** A trust file without the members that would set the reader's clock. */
export type TrustFile = JsonObject;

export interface Pin {
  readonly file: TrustFile;
  readonly source: "first contact" | "file";
  /** When it was kept, and when its fingerprint was compared by the user; ms since 1970. */
  readonly since: number;
  readonly compared: number | null;
  /** What was reached from the file, newest first: one for each set of validators. */
  readonly reached: readonly TrustFile[];
}

export type Load = (path: string) => Promise<Bytes>;

/** Keeps one pin for this address. */
export interface PinStore {
  get(): Promise<Pin | null>;
  put(pin: Pin): Promise<void>;
  remove(): Promise<void>;
}

const MAX_REACHED = 16;
/** At the first contact the server is believed whole, so how old its first validators are is not asked. */
const EVER = 10n ** 30n;
const DIGITS = 32;

/** Read a trust file; throws `NotVerified`. */
export function trustFile(data: Bytes): TrustFile {
  const file = { ...parse(data) };
  delete file["now"];
  readTrust(file);
  return file;
}

/** Give the pin; at the first contact ask the server, and keep what it says. */
export async function pinned(store: PinStore, load: Load): Promise<Pin> {
  const kept = await store.get();
  if (kept !== null) return kept;
  const file = trustFile(await load("/v1/trust"));
  // Whom to call a witness is not the server's to say.
  for (const name of ["witnesses", "witness_threshold", "log_keys"]) Reflect.deleteProperty(file, name);
  return keep(store, file, "first contact");
}

/** Keep a trust file in place of whatever was kept. */
export async function keep(store: PinStore, file: TrustFile, source: Pin["source"]): Promise<Pin> {
  const pin: Pin = { file, source, since: Date.now(), compared: null, reached: [] };
  await store.put(pin);
  return pin;
}

/** What to hold a proof against, in the order to try: the newest first. */
export function anchors(pin: Pin): Trust[] {
  const first = readTrust(pin.file);
  const fresh = pin.source === "first contact" && pin.reached.length === 0;
  return [...pin.reached.map((each) => readTrust(each)), fresh ? { ...first, period: EVER } : first];
}

/**
 * Judge by what is pinned: a proof must connect to one anchor. An older anchor vouches only for what
 * is below the next newer one: those who handed over sign no more. Throws the reason that says most.
 */
export function judgeBy<T extends Verified>(pin: Pin, judge: (trust: Trust) => T): T {
  let said: NotVerified | null = null;
  let below: bigint | null = null;
  for (const trust of anchors(pin)) {
    try {
      const told = judge(trust);
      const own = below === null || told.found.header.height < below;
      must(own, "unknown_validators", "those who signed had handed over before");
      return told;
    } catch (reason) {
      if (!(reason instanceof NotVerified)) throw reason;
      if (said === null || weight(reason) > weight(said)) said = reason;
    }
    below = trust.height;
  }
  throw said ?? new NotVerified("malformed", "trust without validators");
}

/** An anchor above the proof, or too old, says only that; another says what is wrong with the paper. */
const weight = ({ code }: NotVerified): number =>
  code === "height_not_above_trust" ? 0 : code === "trust_expired" ? 1 : 2;

/**
 * Keep the block that was proved as where to start from, so that the trusting period counts from
 * the last visit. Not a block after which others sign: the way to those would be passed over.
 */
export async function advance(store: PinStore, pin: Pin, verified: Verified): Promise<Pin> {
  const { header, validators } = verified.found;
  const settled = equal(header.validators_hash, header.next_validators_hash);
  const newest = anchors(pin)[0];
  const newer = newest !== undefined && (pin.reached.length === 0 || header.height > newest.height);
  if (!settled || !newer || header.height > BigInt(Number.MAX_SAFE_INTEGER)) return pin;
  const file: TrustFile = {
    ...pin.file,
    chain_id: header.chain_id,
    validators: validators.map((each) => ({
      pub_key: toBase64(each.key),
      voting_power: String(each.power),
    })),
    height: Number(header.height),
    time: new Date(Number(header.time / (SECOND / 1000n))).toISOString(),
  };
  const others = pin.reached.filter((each) => !sameValidators(readTrust(each).pinned, validators));
  const moved = { ...pin, reached: [file, ...others].slice(0, MAX_REACHED) };
  await store.put(moved);
  return moved;
}

const sameValidators = (one: readonly Validator[], other: readonly Validator[]): boolean =>
  equal(validatorsHash(one), validatorsHash(other));

/**
 * Eight groups of four digits for a trust file: the chain and its validators, whatever the height.
 * SHA-256 over `yilian/trust/1`, a line feed and canonical JSON, modulo 10^32 (106 bits).
 */
export function fingerprint(file: TrustFile): string {
  const { chain, pinned: set } = readTrust(file);
  const named = set.map((each) => ({ power: String(each.power), public: toBase64url(each.key) }));
  const digest = sha256(concat(utf8("yilian/trust/1\n"), canonical({ chain, validators: named })));
  const number = digest.reduce((sum, each) => sum * 256n + BigInt(each), 0n) % 10n ** BigInt(DIGITS);
  return String(number).padStart(DIGITS, "0").replace(/(....)(?=.)/g, "$1 ");
}
