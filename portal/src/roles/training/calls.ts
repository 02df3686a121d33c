/** What the pages of the training ask of the node: quizzes and credentials, nothing of practice. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { useWho } from "../../who";

const BASE = "/v1/organisations/{organisation}/training";
export type Own = AnswerOf<typeof BASE>;
export type Issued = Own["credentials"][number];
export type Attempt = AnswerOf<`${typeof BASE}/attempts/{attempt}`>;
export type CredentialFile = AnswerOf<`${typeof BASE}/credentials/{credential}`>;

/** The organisation of who is wholly signed in; empty for anybody else. */
export function useHouse(): string {
  const who = useWho();
  return who?.level === 2 ? who.organisation : "";
}

export function useOwnTraining(): UseQueryResult<Own> {
  const organisation = useHouse();
  const subject = useWho()?.subject ?? "";
  return useQuery({
    queryKey: ["training", organisation, subject, "own"],
    queryFn: ({ signal }) => get(BASE, { path: { organisation }, signal }),
    enabled: organisation !== "",
  });
}
