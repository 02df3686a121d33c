/** The sentences themselves: the same files that the command line and the node read. */

import type { Language } from "../language";
import { refuse } from "./refusal";

export type { Language };

export interface Words {
  [key: string]: string | Words;
}

/** The texts that sentences are made of, and those of the capability a message belongs to. */
export type Lexicon = (file: string) => Words;

const FILES = import.meta.glob<Words>(
  "../../../src/yilian/text/*/{care,consent,governance,identity,records,supply,portal_sign}.json",
  { import: "default" },
);

/** Load what the sentences of these files need; `portal_sign` is always among them. */
export async function load(language: Language, files: Iterable<string>): Promise<Lexicon> {
  const found = new Map<string, Words>();
  for (const file of new Set(["portal_sign", ...files])) {
    const read = FILES[`../../../src/yilian/text/${language}/${file}.json`];
    if (read === undefined) throw refuse("unknown_message");
    found.set(file, await read());
  }
  return (file) => {
    const words = found.get(file);
    if (words === undefined) throw refuse("unknown_message");
    return words;
  };
}

/** Give the text under a path of keys, or undefined. */
export function find(words: Words, ...path: string[]): string | undefined {
  let at: string | Words | undefined = words;
  for (const key of path) {
    if (typeof at !== "object" || !Object.hasOwn(at, key)) return undefined;
    at = at[key];
  }
  return typeof at === "string" ? at : undefined;
}

/** Give the text under a path of keys; refuses where there is none, for then nothing is shown. */
export function say(words: Words, ...path: string[]): string {
  const found = find(words, ...path);
  if (found === undefined) throw refuse("not_shown", path.join("/"));
  return found;
}

/** Split a sentence into its own words and its places, in order. */
export function pieces(sentence: string): ({ words: string } | { place: string })[] {
  return sentence
    .split(/(\{[a-z_]+\})/)
    .filter((each) => each !== "")
    .map((each) =>
      /^\{[a-z_]+\}$/.test(each) ? { place: each.slice(1, -1) } : { words: each },
    );
}

/** Fill a sentence's places once; what a value itself looks like changes nothing. */
export function fill(sentence: string, values: Record<string, string>): string {
  return pieces(sentence)
    .map((each) => {
      if ("words" in each) return each.words;
      const value = Object.hasOwn(values, each.place) ? values[each.place] : undefined;
      if (value === undefined) throw refuse("not_shown", each.place);
      return value;
    })
    .join("");
}
