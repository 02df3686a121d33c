/** Proposals and what decides them, read together. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { type AnswerOf, get } from "../../api";
import { session } from "../../session";
import { count, type Count } from "./majority";
import { members } from "./reading";

export type Current = AnswerOf<"/v1/governance/proposals/{id}">;
export type Action = Current["value"]["action"];
export type Status = "open" | "carried" | "failed" | "lapsed" | "withdrawn";

export interface Reading {
  readonly current: Current;
  readonly count: Count;
  readonly members: readonly string[];
  /** Of an open one whose time is over no vote is taken any more. */
  readonly status: Status;
}

export const PROPOSALS = ["operator", "proposals"];
const SHOWN = 30;

interface Rule {
  readonly members: readonly string[];
  readonly share: readonly [number, number];
}

async function rule(signal: AbortSignal): Promise<Rule> {
  const [lines, { value }] = await Promise.all([
    members(signal),
    get("/v1/governance/parameters/{id}", { path: { id: "current" }, signal }),
  ]);
  const share = [value.vote_numerator ?? 2, value.vote_denominator ?? 3] as const;
  return { members: lines.map((each) => each.id), share };
}

async function read(id: string, by: Rule, proof: boolean, signal: AbortSignal): Promise<Reading> {
  const query = proof ? { proof } : {};
  const current = await get("/v1/governance/proposals/{id}", { path: { id }, query, signal });
  const { action, approved = [], opposed = [], status = "open", closes } = current.value;
  const without = action.do === "remove_member" ? action.organisation : undefined;
  const now = Date.now() + (session()?.ahead ?? 0);
  return {
    current,
    count: count({ approved, opposed }, by.members, by.share, without),
    members: by.members,
    status: status === "open" && now >= closes ? "lapsed" : status,
  };
}

export function useProposals(): UseQueryResult<Reading[]> {
  return useQuery({
    queryKey: PROPOSALS,
    queryFn: async ({ signal }) => {
      const [by, { items }] = await Promise.all([
        rule(signal),
        get("/v1/governance/proposals", { query: { limit: SHOWN }, signal }),
      ]);
      return Promise.all(items.map((each) => read(each.id, by, false, signal)));
    },
  });
}

export function useProposal(id: string): UseQueryResult<Reading> {
  return useQuery({
    queryKey: [...PROPOSALS, id],
    queryFn: async ({ signal }) => read(id, await rule(signal), true, signal),
  });
}
