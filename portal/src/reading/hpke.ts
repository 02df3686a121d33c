/**
 * Wraps: HPKE base mode (RFC 9180) with MLKEM768_X25519, HKDF-SHA256 and AES-256-GCM, as in
 * `vault/envelope.py`. The KEM is X-Wing (draft-connolly-cfrg-xwing-kem) without its seed: a key has
 * the ML-KEM-768 seed (64 bytes, FIPS 203) and the X25519 key (32 bytes, RFC 7748) as they are.
 */

import { x25519 } from "@noble/curves/ed25519.js";
import { expand, extract } from "@noble/hashes/hkdf.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { sha3_256 } from "@noble/hashes/sha3.js";
import { ml_kem768 } from "@noble/post-quantum/ml-kem.js";

import { join, sha256 as digest, toText, utf8, type Bytes } from "../sign/bytes";
import { refuse } from "./refusal";
import { openGcm, VERSION } from "./seal";

const LATTICE_SEED = 64;
const LATTICE_BOX = 1088;
const CURVE = 32;
export const SECRET = 1 + LATTICE_SEED + CURVE;

const NOTHING = new Uint8Array();
const LABEL = utf8("\\.//^\\");
const RFC9180 = utf8("HPKE-v1");
/** "HPKE", then KEM 0x647a, KDF 0x0001 and AEAD 0x0002, two bytes each. */
const SUITE = join(utf8("HPKE"), Uint8Array.of(0x64, 0x7a, 0, 1, 0, 2));

/** A recipient of wraps, worked out from its 97 secret bytes. */
export interface Recipient {
  readonly lattice: Uint8Array;
  readonly curve: Uint8Array;
  readonly curvePublic: Uint8Array;
  /** Suite byte, ML-KEM-768 key, X25519 key: 1,217 bytes. */
  readonly public: Bytes;
}

/** Read a private key: suite byte, ML-KEM-768 seed, X25519 key; refuses what has another form. */
export function recipient(secret: Uint8Array): Recipient {
  if (secret[0] !== VERSION) throw refuse("unknown_format");
  if (secret.length !== SECRET) throw refuse("altered");
  const lattice = ml_kem768.keygen(secret.slice(1, 1 + LATTICE_SEED));
  const curve = secret.slice(1 + LATTICE_SEED);
  const curvePublic = x25519.getPublicKey(curve);
  return {
    lattice: lattice.secretKey,
    curve,
    curvePublic,
    public: join(Uint8Array.of(VERSION), lattice.publicKey, curvePublic),
  };
}

/** Draw the 97 secret bytes of a new recipient. */
export function newSecret(): Bytes {
  const drawn = crypto.getRandomValues(new Uint8Array(SECRET));
  drawn[0] = VERSION;
  return drawn;
}

/** Name a public key: the first 16 bytes of the SHA-256 of its bytes. */
export async function publicId(key: Bytes): Promise<string> {
  return toText((await digest(key)).subarray(0, 16));
}

/** Open what was wrapped to a recipient; refuses `altered` if key, bytes or `info` differ. */
export async function unwrap(to: Recipient, wrapped: Bytes, info: Bytes): Promise<Bytes> {
  if (wrapped[0] !== VERSION) throw refuse(wrapped.length === 0 ? "altered" : "unknown_format");
  const [first, second] = [1 + LATTICE_BOX, 1 + LATTICE_BOX + CURVE];
  if (wrapped.length < second) throw refuse("altered");
  const shared = decapsulated(to, wrapped.slice(1, first), wrapped.slice(first, second));
  const context = join(
    Uint8Array.of(0), extracted(NOTHING, "psk_id_hash", NOTHING), extracted(NOTHING, "info_hash", info),
  );
  const secret = extracted(shared, "secret", NOTHING);
  const key = expanded(secret, "key", context, 32);
  const nonce = expanded(secret, "base_nonce", context, 12);
  return openGcm(key, nonce, wrapped.slice(second), new Uint8Array());
}

/** X-Wing's combiner, section 5.3: SHA3-256 over both secrets, the X25519 share, the key, a label. */
function decapsulated(to: Recipient, lattice: Uint8Array, curve: Uint8Array): Uint8Array {
  try {
    const one = ml_kem768.decapsulate(lattice, to.lattice);
    const two = x25519.getSharedSecret(to.curve, curve);
    return sha3_256(join(one, two, curve, to.curvePublic, LABEL));
  } catch {
    // A share of small order: nobody who wraps makes one.
    throw refuse("altered");
  }
}

function extracted(salt: Uint8Array, label: string, material: Uint8Array): Uint8Array {
  return extract(sha256, join(RFC9180, SUITE, utf8(label), material), salt);
}

function expanded(secret: Uint8Array, label: string, info: Uint8Array, length: number): Bytes {
  const labelled = join(Uint8Array.of(0, length), RFC9180, SUITE, utf8(label), info);
  return expand(sha256, secret, labelled, length).slice();
}
