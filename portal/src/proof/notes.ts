import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, fromBase64, sha256, toHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { decode } from "./json";
import { must } from "./refusal";

const MAX_NOTE = 262_144;
const [PLAIN, COSIGNED, ML_DSA] = [1, 4, 6];
const LENGTHS: ReadonlyMap<number, readonly [number, number]> = new Map([
  [PLAIN, [32, 64] as const],
  [COSIGNED, [32, 72] as const],
  [ML_DSA, [1312, 2428] as const],
]);

/** A note's verification key (C2SP signed-note v1.0.0). */
export interface NoteKey {
  readonly name: string;
  readonly kind: number;
  readonly public: Bytes;
  readonly id: Bytes;
}

interface Line {
  readonly name: string;
  readonly id: Bytes;
  readonly signature: Bytes;
}

/** A log's claim (C2SP tlog-checkpoint v1.0.0), with the signature lines under it. */
export interface Checkpoint {
  readonly text: string;
  readonly origin: string;
  readonly size: bigint;
  readonly root: Bytes;
  readonly lines: readonly Line[];
}

/** Where an entry stands under a checkpoint. */
export interface LogProof {
  readonly index: bigint;
  readonly path: readonly Bytes[];
  readonly checkpoint: Checkpoint;
}

export const isCosigner = (key: NoteKey): boolean => key.kind !== PLAIN;

function base64(text: string): Bytes {
  const data = fromBase64(text);
  const good = data !== null && data.length > 0;
  must(good, "malformed", "not base64 in its one spelling");
  return data;
}

function number(text: string): bigint {
  must(/^(?:0|[1-9][0-9]{0,15})$/.test(text), "malformed", "not a plain number");
  return BigInt(text);
}

/** Read a vkey: name, key id, and type and key in base64, joined by `+`. */
export function readKey(text: string): NoteKey {
  const found = /^([^+]+)\+([^+]*)\+(.*)$/s.exec(text);
  must(found !== null, "malformed", "not a vkey");
  const [, name = "", id = "", rest = ""] = found;
  const material = base64(rest);
  const kind = material[0] ?? 0;
  const fits = LENGTHS.get(kind)?.[0] === material.length - 1;
  must(fits, "outdated_algorithm", "a note key of an unknown kind");
  const own = sha256(concat(utf8(`${name}\n`), material)).slice(0, 4);
  must(toHex(own) === id, "malformed", "a vkey's id is not that of its key");
  return { name, kind, public: material.slice(1), id: own };
}

/** Read a checkpoint and its signature lines, unchecked. */
export function readCheckpoint(data: Bytes): Checkpoint {
  must(data.length <= MAX_NOTE, "too_large", `more than ${MAX_NOTE} bytes`);
  const text = decode(data);
  const at = text.lastIndexOf("\n\n");
  const [body, rest] = [text.slice(0, Math.max(at, 0)), text.slice(at + 2)];
  const head = body.split("\n");
  const [origin, size, hash] = head;
  const good = at >= 0 && head.length === 3 && rest.endsWith("\n") && !text.includes("\r");
  must(good, "malformed", "not a checkpoint of three lines");
  const lines = rest.slice(0, -1).split("\n").map(readLine);
  const root = base64(hash ?? "");
  must(root.length === 32 && lines.length <= 64, "malformed", "not a checkpoint");
  return { text: `${body}\n`, origin: origin ?? "", size: number(size ?? ""), root, lines };
}

function readLine(line: string): Line {
  const found = /^\u2014 ([^ +]+) ([A-Za-z0-9+/=]+)$/.exec(line);
  must(found !== null, "malformed", "not a signature line");
  const raw = base64(found[2] ?? "");
  return { name: found[1] ?? "", id: raw.slice(0, 4), signature: raw.slice(4) };
}

/** Read a `c2sp.org/tlog-proof@v1`; an `extra` line is passed over. */
export function readLogProof(data: Bytes): LogProof {
  must(data.length <= MAX_NOTE, "too_large", `more than ${MAX_NOTE} bytes`);
  let end = data.findIndex((each, at) => each === 10 && data[at + 1] === 10);
  if (end < 0) end = data.length;
  const head = new TextDecoder("utf-8", { ignoreBOM: true }).decode(data.slice(0, end));
  const lines = head.split("\n");
  const known = lines.shift() === "c2sp.org/tlog-proof@v1";
  must(known, "unsupported_format", "not a tlog-proof");
  if (lines[0]?.startsWith("extra ") === true) lines.shift();
  const [first, ...steps] = lines;
  const good = first?.startsWith("index ") === true && lines.length <= 65;
  must(good, "malformed", "not a tlog-proof");
  const path = steps.map(base64);
  must(path.every((each) => each.length === 32), "malformed", "a step is not a hash");
  const index = number(first.slice(6));
  return { index, path, checkpoint: readCheckpoint(data.slice(end + 2)) };
}

/**
 * Check every line of a known key; gives for each signer's name its earliest time (s). A plain
 * signature has the time 0. Keys of ML-DSA-44 are passed over as unknown keys are.
 */
export function signers(checkpoint: Checkpoint, keys: readonly NoteKey[]): Map<string, bigint> {
  const found = new Map<string, bigint>();
  for (const key of keys) {
    if (key.kind === ML_DSA) continue;
    for (const { name, id, signature } of checkpoint.lines) {
      if (name !== key.name || !equal(id, key.id)) continue;
      const at = key.kind === PLAIN ? 0 : 8;
      const seconds = signature.slice(0, at).reduce((sum, each) => sum * 256n + BigInt(each), 0n);
      const said = at === 0 ? "" : `cosignature/v1\ntime ${seconds}\n`;
      const fits = signature.length === LENGTHS.get(key.kind)?.[1];
      const good = fits && strict(key.public, utf8(said + checkpoint.text), signature.slice(at));
      must(good, "bad_cosignature", `not signed by ${key.name}`);
      const before = found.get(name);
      found.set(name, before === undefined || seconds < before ? seconds : before);
    }
  }
  return found;
}

/**
 * Judge an Ed25519 signature as libsodium does: without the cofactor, and with small orders and
 * other spellings refused. `verify` of the library multiplies by the cofactor, so it is not enough.
 */
export function strict(key: Bytes, message: Bytes, signature: Bytes): boolean {
  try {
    if (!ed25519.verify(signature, message, key, { zip215: false })) return false;
    const { Point, utils } = ed25519;
    const [r, s] = [signature.slice(0, 32), signature.slice(32)];
    if (!utils.isValidPublicKey(key, false)) return false;
    const [a, commitment] = [Point.fromBytes(key, false), Point.fromBytes(r, false)];
    if (a.isSmallOrder() || commitment.isSmallOrder()) return false;
    const challenge = Point.Fn.create(littleEndian(sha512(concat(r, key, message))));
    const left = Point.BASE.multiplyUnsafe(Point.Fn.create(littleEndian(s)));
    return left.equals(commitment.add(a.multiplyUnsafe(challenge)));
  } catch {
    return false;
  }
}

const littleEndian = (data: Bytes): bigint =>
  data.reduceRight((sum, each) => sum * 256n + BigInt(each), 0n);
