/**
 * The signature suites of the ledger, as WebCrypto does them with keys that cannot be taken out.
 *
 * Public keys and signatures are in the ledger's form: Ed25519 32 and 64 bytes (RFC 8032); ECDSA
 * on P-256 33 bytes compressed (SEC 1, section 2.3.3) and r, s with s at most half the order.
 */

import { join, type Bytes } from "./bytes";
import { refuse } from "./refusal";

export type SuiteName = "ed25519" | "ecdsa-p256";

interface Suite {
  made: AlgorithmIdentifier | EcKeyGenParams;
  used: AlgorithmIdentifier | EcdsaParams;
  /** Public bytes as the ledger wants them, from WebCrypto's raw ones. */
  compress: (raw: Bytes) => Bytes;
  /** A signature as the ledger wants it, from WebCrypto's. */
  settle: (signature: Bytes) => Bytes;
}

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

export const SUITES: Record<SuiteName, Suite> = {
  ed25519: {
    made: { name: "Ed25519" },
    used: { name: "Ed25519" },
    compress: (raw) => raw,
    settle: (signature) => signature,
  },
  "ecdsa-p256": {
    made: { name: "ECDSA", namedCurve: "P-256" },
    used: { name: "ECDSA", hash: "SHA-256" },
    compress: (raw) => join(Uint8Array.of(2 + ((raw[64] ?? 0) & 1)), raw.subarray(1, 33)),
    settle: lowS,
  },
};

/** Make a key pair of the first suite that the chain allows and this browser can do. */
export async function makePair(
  allowed: readonly string[],
): Promise<{ suite: SuiteName; pair: CryptoKeyPair; public: Bytes }> {
  for (const suite of allowed.filter((each): each is SuiteName => Object.hasOwn(SUITES, each))) {
    const made = await tryPair(suite);
    if (made !== undefined) {
      const raw = new Uint8Array(await crypto.subtle.exportKey("raw", made.publicKey));
      return { suite, pair: made, public: SUITES[suite].compress(raw) };
    }
  }
  throw refuse("no_suite");
}

async function tryPair(suite: SuiteName): Promise<CryptoKeyPair | undefined> {
  // Without HTTPS (or localhost) a browser has no `subtle` at all.
  const subtle = (crypto as { subtle?: SubtleCrypto }).subtle;
  try {
    const made = await subtle?.generateKey(SUITES[suite].made, false, ["sign", "verify"]);
    return made as CryptoKeyPair | undefined;
  } catch {
    return undefined;
  }
}

function lowS(signature: Bytes): Bytes {
  const s = BigInt(`0x${Array.from(signature.subarray(32), pair).join("")}`);
  if (s <= ORDER / 2n) return signature;
  const text = (ORDER - s).toString(16).padStart(64, "0");
  const low = Uint8Array.from({ length: 32 }, (_, at) => parseInt(text.slice(2 * at, 2 * at + 2), 16));
  return join(signature.subarray(0, 32), low);
}

function pair(byte: number): string {
  return byte.toString(16).padStart(2, "0");
}
