/** The words of consent, the same in which a grant is signed; and names for ids. */
import { useQueries, useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { type Language, useLanguage } from "../../language";
import { useKnows, useText } from "../../text";
import { subjectQuery } from "../../components/SubjectName";

export type Vocabulary = "categories" | "purposes" | "role" | "sensitivities";

export interface Words {
  readonly of: (vocabulary: Vocabulary, word: string) => string;
  readonly list: (vocabulary: Vocabulary, words: readonly string[]) => string;
}

export function useWords(): Words {
  const say = useText("portal_sign");
  const knows = useKnows("portal_sign");
  const language = useLanguage();
  const of = (vocabulary: Vocabulary, word: string): string => {
    const key = `values/terms.${vocabulary}/${word}`;
    return /^[\w-]+$/.test(word) && knows(key) ? say(key) : word;
  };
  const listed = new Intl.ListFormat(language, { type: "conjunction" });
  return {
    of,
    list: (vocabulary, words) => listed.format(words.map((each) => of(vocabulary, each))),
  };
}

/** A day, as it is said in a letter. */
export function day(at: number, language: Language): string {
  return new Intl.DateTimeFormat(language, { dateStyle: "long" }).format(at);
}

/** A month that is written `2026-03`. */
export function month(written: string, language: Language): string {
  const at = Date.parse(`${written}-15T00:00:00Z`);
  const shape = { year: "numeric", month: "long", timeZone: "UTC" } as const;
  return Number.isNaN(at) ? written : new Intl.DateTimeFormat(language, shape).format(at);
}

/** The public names of organisations, by their ids. */
export function useNames(ids: readonly string[]): ReadonlyMap<string, string> {
  const wanted = [...new Set(ids)].filter((each) => each !== "");
  const found = useQueries({ queries: wanted.map((id) => ({ ...subjectQuery(id), staleTime: 60_000 })) });
  const named = wanted.map((id, at) => [id, found[at]?.data?.value.name] as const);
  return new Map(named.flatMap(([id, name]) => (typeof name === "string" ? [[id, name]] : [])));
}

export type Organisation = AnswerOf<"/v1/identity/subjects/{id}">;

/** Organisations in good standing, by name. */
export function useOrganisations(): UseQueryResult<Organisation[]> {
  return useQuery({
    queryKey: ["organisations"],
    queryFn: async ({ signal }) => {
      const query = { kind: "organisation", status: "active", limit: 200 };
      const { items } = await get("/v1/identity/subjects", { query, signal });
      const read = ({ id }: { id: string }): Promise<Organisation> =>
        get("/v1/identity/subjects/{id}", { path: { id }, signal });
      const found = await Promise.all(items.map(read));
      return found.sort((one, two) => (one.value.name ?? "").localeCompare(two.value.name ?? ""));
    },
    staleTime: 60_000,
  });
}
