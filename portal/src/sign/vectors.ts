/** The vectors of `vectors/sentences`, for tests. */

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

import type { Json } from "./canonical";
import type { Language } from "./words";

const FOLDER = join(import.meta.dirname, "../../../vectors/sentences");

export interface Case {
  message: string;
  case: string;
  body: string;
  signed: string;
  sentences: Record<Language, string>;
}

export interface Signing {
  keys: {
    key: { suite: string; public: string };
    id: string;
    owner: string;
    proof: string;
    recovery: string;
    approval: string;
  }[];
  terms: { terms: Record<string, Json>; text: string; salt: string; commitment: string }[];
  request: { request: Record<string, Json>; content: string; signed: string; header: string };
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, name), "utf8"));
}

export const SIGNING = read("signing.json") as Signing;

export const CASES: Case[] = readdirSync(FOLDER)
  .filter((each) => each !== "signing.json")
  .sort()
  .flatMap((name) => (read(name) as { cases: Case[] }).cases);
