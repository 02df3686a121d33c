/**
 * Judge many papers in one process: a line of JSON in, a line of JSON out. For the tests that hold
 * this verifier against `sdk/verify.py`; no page loads it.
 */
import { createInterface } from "node:readline";
import { fromBase64 } from "./bytes";
import type { Bytes } from "./bytes";
import { readTrust } from "./follow";
import { load } from "./json";
import { verifyRecord } from "./record";
import { NotVerified } from "./refusal";
import { verify } from "./verify";

interface Asked {
  readonly paper: string;
  readonly trust: string;
  readonly logProofs?: readonly string[];
  /** For a record: `paper` is the state proof of its batch. */
  readonly record?: { content: string; proof: string; organisation: string };
}

const bytes = (text: string): Bytes => fromBase64(text) ?? new Uint8Array();

function answer(asked: Asked): unknown {
  const [paper, trust] = [bytes(asked.paper), bytes(asked.trust)];
  try {
    if (asked.record !== undefined) {
      const { content, proof, organisation } = asked.record;
      const pinned = readTrust(load(trust));
      const found = verifyRecord(bytes(content), bytes(proof), paper, organisation, pinned);
      return { verified: true, record: found.record, level: found.level };
    }
    const { found, ...told } = verify(paper, trust, asked.logProofs?.map(bytes));
    return { verified: true, ...told, height: String(found.height) };
  } catch (reason) {
    if (reason instanceof NotVerified) return { verified: false, code: reason.code };
    throw reason;
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(answer(JSON.parse(line) as Asked))}\n`);
}
