/** An organisation by its public name; any other subject by its id alone. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type AnswerOf, get } from "../api";
import { ShortId } from "./ShortId";

export type Subject = AnswerOf<"/v1/identity/subjects/{id}">;

export function subjectQuery(id: string): {
  queryKey: string[];
  queryFn: (context: { signal: AbortSignal }) => Promise<Subject>;
} {
  return {
    queryKey: ["subject", id],
    queryFn: ({ signal }) => get("/v1/identity/subjects/{id}", { path: { id }, signal }),
  };
}

export function SubjectName({ id }: { id: string }): ReactNode {
  const found = useQuery(subjectQuery(id));
  const name = found.data?.value.name;
  return typeof name === "string" ? <bdi translate="no">{name}</bdi> : <ShortId id={id} />;
}
