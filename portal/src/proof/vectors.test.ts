import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { concat, fromBase64, fromHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { validSignature } from "./commit";
import { readTrust } from "./follow";
import { load } from "./json";
import { strict } from "./notes";
import { verifyRecord } from "./record";
import { NotVerified } from "./refusal";
import { verify } from "./verify";

interface Written {
  readonly text: string;
  readonly trust: string;
  readonly log_proofs?: readonly string[];
  readonly content?: string;
  readonly proof?: string;
  readonly organisation?: string;
}
interface Case {
  readonly case?: string;
  readonly paper: string;
  readonly edit?: { part: "text" | "proof" | "content"; at: number; removed: number; put: string };
  readonly verdict: Record<string, unknown>;
}
interface Vectors {
  readonly papers: Record<string, Written>;
  readonly cases: readonly Case[];
}

const vectors = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../vectors/${name}`, import.meta.url), "utf-8"));
const { papers, cases } = vectors("proofs/proofs.json") as Vectors;

function part(paper: Written, name: "text" | "proof" | "content", edit: Case["edit"]): Bytes {
  const whole = utf8(paper[name] ?? "");
  if (edit?.part !== name) return whole;
  const put = fromBase64(edit.put) ?? new Uint8Array();
  return concat(whole.slice(0, edit.at), put, whole.slice(edit.at + edit.removed));
}

function verdict({ paper: name, edit }: Case): Record<string, unknown> {
  const paper = papers[name];
  if (paper === undefined) throw new Error(`no paper ${name}`);
  const [text, trust] = [part(paper, "text", edit), utf8(paper.trust)];
  try {
    if (paper.content !== undefined) {
      const [content, proof] = [part(paper, "content", edit), part(paper, "proof", edit)];
      const pinned = readTrust(load(trust));
      const told = verifyRecord(content, proof, text, paper.organisation ?? "", pinned);
      return { verified: true, record: told.record, level: told.level };
    }
    const { found, ...told } = verify(text, trust, paper.log_proofs?.map(utf8));
    return { verified: true, ...told, height: String(found.height) };
  } catch (reason) {
    if (reason instanceof NotVerified) return { verified: false, code: reason.code };
    throw reason;
  }
}

describe("the papers of vectors/proofs", () => {
  const whole = cases.filter((each) => each.case !== undefined);
  test.each(whole)("$case", (each) => {
    expect(verdict(each)).toEqual(each.verdict);
  });

  test.each([...new Set(cases.map((each) => each.paper))])("%s, altered", (name) => {
    const altered = cases.filter((each) => each.paper === name && each.edit !== undefined);
    for (const each of altered) {
      const told = `${name} ${JSON.stringify(each.edit)}`;
      expect({ told, ...verdict(each) }).toEqual({ told, ...each.verdict });
    }
  });

  test("are many, and most are refused", () => {
    const refused = cases.filter((each) => each.verdict["verified"] === false);
    expect(refused.length).toBeGreaterThan(500);
    expect(cases.length - refused.length).toBeGreaterThan(20);
  });
});

interface Verdict {
  readonly case: string;
  readonly public_key: string;
  readonly message: string;
  readonly signature: string;
  readonly transaction: boolean;
  readonly vote: boolean;
}

describe("Ed25519 signatures on which verifiers disagree", () => {
  const { cases: crafted } = vectors("ed25519/verdicts.json") as { cases: readonly Verdict[] };
  test.each(crafted)("$case", (each) => {
    const [key, message, signature] = [each.public_key, each.message, each.signature].map(fromHex);
    const parts = [key ?? utf8(""), message ?? utf8(""), signature ?? utf8("")] as const;
    expect(validSignature(...parts)).toBe(each.vote);
    expect(strict(...parts)).toBe(each.transaction);
  });
});
