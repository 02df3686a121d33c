/** Step four: what is allowed, said from the very terms; Allow or Refuse; and what became of it. */
import { Button, Group, Paper, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { type Entry, preparedGrant } from "../../sign";
import { usePatientText } from "./acting";
import { closed, type Draft, kinds, type GrantRequest, requestOf } from "./draft";
import { Given, type Outcome } from "./Given";
import { OwnSigning } from "./OwnSigning";
import { useHouseSigns, useKnown, useMe } from "./reading";
import { OpenedTerms } from "./OpenedTerms";
import { useNames, useWords } from "./words";

interface Props {
  readonly draft: Draft;
  readonly onBack: () => void;
  readonly onDecline: () => void;
}

type Ready = Awaited<ReturnType<typeof preparedGrant>> & { readonly asked: GrantRequest };

export function ShareReview({ draft, onBack, onDecline }: Props): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const custody = useHouseSigns();
  const [outcome, setOutcome] = useState<Outcome>();
  const name = useNames([draft.grantee]).get(draft.grantee) ?? "";
  const ready = useQuery({
    queryKey: ["grant-prepared", me.person, JSON.stringify(draft)],
    queryFn: async ({ signal }): Promise<Ready> => {
      const asked = requestOf(draft, me.person, Date.now());
      const path = { organisation: me.organisation };
      const made = await post("/v1/organisations/{organisation}/grants/prepare", { path, body: asked, signal });
      return { ...(await preparedGrant(made, asked)), asked };
    },
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  if (outcome !== undefined) return <Given of={outcome} organisation={name} />;
  return (
    <>
      <Title order={2}>{say("share/review")}</Title>
      <Query of={ready}>
        {(found) =>
          custody === undefined ? null : custody ? (
            <InCustody of={found} names={new Map([[draft.grantee, name]])} onDecline={onDecline} onGiven={setOutcome} />
          ) : (
            <ByOwnKey of={found} names={new Map([[draft.grantee, name]])} onDecline={onDecline} onGiven={setOutcome} />
          )
        }
      </Query>
      <Closed draft={draft} />
      <Button size="md" variant="subtle" onClick={onBack}>{say("share/change")}</Button>
    </>
  );
}

interface AnswerProps {
  readonly of: Ready;
  readonly names: ReadonlyMap<string, string>;
  readonly onDecline: () => void;
  readonly onGiven: (outcome: Outcome) => void;
}

function InCustody({ of, names, onDecline, onGiven }: AnswerProps): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const queries = useQueryClient();
  const allow = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/grants", {
        path: { organisation: me.organisation }, body: of.asked,
      }),
    onSuccess: (given) => {
      onGiven(given);
      void queries.invalidateQueries({ queryKey: ["patient", me.person] });
    },
  });
  return (
    <Paper component="section" withBorder p="md">
      <OpenedTerms message={of.message} opened={of.opened} names={names} />
      <p>{say("house_signs")}</p>
      <div aria-live="polite">{allow.isError ? <ProblemNotice error={allow.error} /> : null}</div>
      <Group grow preventGrowOverflow={false}>
        <Button size="lg" variant="outline" disabled={allow.isPending} onClick={onDecline}>
          {say("share/refuse")}
        </Button>
        <Button size="lg" variant="outline" loading={allow.isPending} onClick={() => { allow.mutate(); }}>
          {say("share/allow")}
        </Button>
      </Group>
    </Paper>
  );
}

type Recorded = Pick<Outcome, "transaction" | "height">;

function ByOwnKey({ of, names, onDecline, onGiven }: AnswerProps): ReactNode {
  const me = useMe();
  const { grant } = of.message;
  const deliver = useMutation({
    mutationFn: async ({ transaction, height }: Recorded): Promise<Outcome> => {
      const path = { organisation: me.organisation, grant: grant as string };
      const { delivered } = await post("/v1/organisations/{organisation}/grants/{grant}/deliver", { path });
      return { grant: path.grant, transaction, height, delivered };
    },
    onSuccess: onGiven,
  });
  const { mutate, variables } = deliver;
  const answered = useCallback(
    ({ state, hash, height = 0 }: Entry) => {
      if (state === "recorded" && hash !== undefined) mutate({ transaction: hash, height });
    },
    [mutate],
  );
  return (
    <>
      <OwnSigning
        messages={[of.message]}
        opened={{ 0: of.opened }}
        names={names}
        onAnswer={answered}
        onDecline={onDecline}
      />
      {deliver.isError && variables !== undefined ? (
        <ProblemNotice error={deliver.error} retry={() => { mutate(variables); }} />
      ) : null}
    </>
  );
}

/** What stays closed, named, so that nobody has to guess. */
function Closed({ draft }: { draft: Draft }): ReactNode {
  const say = usePatientText();
  const words = useWords();
  const known = useKnown().data ?? [];
  const left = kinds(known).map((each) => each.category).filter((each) => !draft.categories.includes(each));
  const count = closed(known, draft);
  if (count === 0) return <Text component="p" mt="md">{say("share/all_open")}</Text>;
  return (
    <>
      <Title order={3} mt="md">{say("share/closed")}</Title>
      {left.length === 0 ? null : <p>{words.list("categories", left)}</p>}
      <p>{say("share/closed_count", { count })}</p>
    </>
  );
}
