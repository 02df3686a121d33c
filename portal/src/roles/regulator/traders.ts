/** Who trades here, and by which products: what a recall concerns. */
import { useQueries, useQuery, type UseQueryResult } from "@tanstack/react-query";

import { get } from "../../api";
import { subjectQuery } from "../../components/SubjectName";
import { useWho } from "../../who";
import { everyPage } from "../operator/reading";

const AT_ONCE = 100;

/** Every organisation that trades, by id, each once. */
export function useTraders(): UseQueryResult<readonly string[]> {
  return useQuery({
    queryKey: ["oversight", "traders"],
    queryFn: async ({ signal }) => {
      const companies = await everyPage((cursor) =>
        get("/v1/supply/companies", { query: { limit: AT_ONCE, ...(cursor === undefined ? {} : { cursor }) }, signal }));
      const standing = companies.filter((each) => each.ended === null);
      return [...new Set(standing.map((each) => each.organisation))];
    },
    staleTime: 60_000,
  });
}

/** Organisations by their names, for a choice; the id where there is no name. */
export function useNames(ids: readonly string[]): readonly { value: string; label: string }[] {
  const names = useQueries({ queries: ids.map((id) => subjectQuery(id)) });
  return ids.map((value, at) => {
    const name = names[at]?.data?.value.name;
    return { value, label: typeof name === "string" ? name : value };
  });
}

/** What one's own organisation is, such as `maker` or `regulator`. */
export function useOwnKind(): string | undefined {
  const own = useWho()?.organisation ?? "";
  return useQuery(subjectQuery(own)).data?.value.organisation_kind ?? undefined;
}

/** The products that one's own organisation owns and that have not ended, by GTIN. */
export function useOwnProducts(): UseQueryResult<readonly string[]> {
  const owner = useWho()?.organisation ?? "";
  return useQuery({
    queryKey: ["oversight", "products", owner],
    queryFn: async ({ signal }) => {
      const found = await everyPage((cursor) =>
        get("/v1/supply/products", {
          query: { owner, limit: AT_ONCE, ...(cursor === undefined ? {} : { cursor }) }, signal,
        }));
      return found.filter((each) => each.ended === null).map((each) => each.id);
    },
    staleTime: 60_000,
  });
}

export function productQuery(gtin: string): {
  queryKey: string[];
  queryFn: (context: { signal: AbortSignal }) => Promise<{ value: { name?: unknown } }>;
  staleTime: number;
} {
  return {
    queryKey: ["product", gtin],
    queryFn: ({ signal }) => get("/v1/supply/products/{id}", { path: { id: gtin }, signal }),
    staleTime: 60_000,
  };
}
