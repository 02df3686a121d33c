/** What a demo left of what it did: steps with commands and what showed that they held. */
import type { Language } from "../../language";
import { request } from "../../api";

export type Words = Readonly<Record<Language, string>>;

export type Part =
  | { readonly kind: "tell" | "proof"; readonly words: Words }
  | { readonly kind: "command"; readonly line: string; readonly python: readonly string[] }
  | { readonly kind: "see"; readonly page: string };

export interface Step {
  readonly title: Words;
  readonly parts: readonly Part[];
}

export interface Told {
  readonly people: readonly { readonly who: Words; readonly link: string }[];
  readonly steps: readonly Step[];
}

export const STORY = ["story"];

export async function told(signal: AbortSignal): Promise<Told> {
  const answer = await request("GET", "/story.json", { signal });
  return (await answer.json()) as Told;
}

/** The path of a link to this same portal, or undefined where it leads elsewhere. */
export function within(link: string, origin: string): string | undefined {
  const url = new URL(link, origin);
  return url.origin === origin ? url.pathname + url.search + url.hash : undefined;
}
