/** What a permission would say, in the sentence that is made from the very thing to be recorded. */
import { Paper } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Query } from "../../../components/Query";
import { newId, preparedGrant, termsCommitment, toText } from "../../../sign";
import { type Draft, type GrantRequest, requestOf } from "../../patient/draft";
import { OpenedTerms } from "../../patient/OpenedTerms";
import { useWorld } from "../practice/Practice";
import { LEARNER } from "../practice/world";

interface Props {
  readonly of: Draft;
  /** What is done about it. */
  readonly children: ReactNode;
}

export function Terms({ of, children }: Props): ReactNode {
  const world = useWorld();
  const names = new Map([[of.grantee, world.nameOf(of.grantee)]]);
  const ready = useQuery({
    queryKey: ["practice-grant", JSON.stringify(of)],
    queryFn: async () => {
      const asked = requestOf(of, LEARNER.subject, Date.now());
      return preparedGrant(await prepare(asked), asked);
    },
    staleTime: Infinity,
  });
  return (
    <Query of={ready}>
      {({ message, opened }) => (
        <Paper component="section" withBorder p="md">
          <OpenedTerms message={message} opened={opened} names={names} />
          {children}
        </Paper>
      )}
    </Query>
  );
}

/** What the node of an organisation would prepare: terms, a salt, and the commitment to both. */
async function prepare(asked: GrantRequest): Promise<object> {
  const { starts, ends, grantee, role, conditions, categories, sensitivities, purposes } = asked;
  const terms = {
    format: "yilian-terms/2",
    grantee, role, conditions, categories, sensitivities, purposes, starts, ends,
    practitioner: null, records: null, team: [], denied: [], redact: [],
  };
  const salt = toText(crypto.getRandomValues(new Uint8Array(32)));
  const commitment = await termsCommitment(terms, salt);
  return { grant: newId(), terms, salt, commitment, starts, ends, version: 1 };
}
