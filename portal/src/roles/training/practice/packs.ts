/** Made-up packs, and what a node would say of them; the codes are of GS1's prefix for examples. */
import type { AnswerOf } from "../../../api";
import type { Language } from "../../../language";
import written from "./packs.json";

export type PackName = keyof typeof written;
export type Pack = AnswerOf<"/v1/supply/scan">;
type Words = Readonly<Record<"title" | "why" | "do", string>>;

interface Kept {
  readonly code: string;
  readonly concern: string;
  readonly reason: string;
  readonly answers: Readonly<Record<Language, Extract<Pack, object>>>;
  /** What its maker would answer. */
  readonly words: Readonly<Record<Language, Words>>;
}

export const packs = written as unknown as Readonly<Record<PackName, Kept>>;

/** The pack that an address or a body names, if it is one of these. */
export function packOf(where: string, body: unknown): PackName | undefined {
  const asked = new URLSearchParams(where.split("?")[1] ?? "").get("code");
  const sent = (body as { code?: unknown } | undefined)?.code;
  return named(asked ?? (typeof sent === "string" ? sent : ""));
}

/** The pack with a code, typed with or without brackets and blanks. */
export function named(code: string): PackName | undefined {
  const bare = (text: string): string => text.replace(/[()\s]/g, "");
  const found = Object.entries(packs).find(([, pack]) => bare(pack.code) === bare(code));
  return bare(code) === "" ? undefined : (found?.[0] as PackName | undefined);
}
