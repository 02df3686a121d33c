/** A recall before it is issued: what it says, what follows at once, and who is told. */
import { Button, Group, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { useNavigate } from "react-router";

import { post } from "../../api";
import { Facts } from "../../components/Facts";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { SubjectName } from "../../components/SubjectName";
import { usePath } from "../../language";
import { ProblemError } from "../../problem";
import { newId } from "../../sign";
import { useText } from "../../text";
import { useWho } from "../../who";
import { ProductName } from "./ProductName";
import { packsOf, type Wanted } from "./recall";
import { BREACHES } from "./reading";
import { useTraders } from "./traders";

/** The recall's own id was drawn here: where it is taken, an earlier try came through. */
const DONE_BEFORE = "supply.id_taken";
const FOLLOWS = ["holds", "set_aside", "scanned", "patients", "wider"] as const;

interface Props {
  readonly wanted: Wanted;
  readonly back: () => void;
}

export function RecallReview({ wanted, back }: Props): ReactNode {
  const say = useText("portal_regulator");
  const values = useText("portal_values");
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
  }, []);
  const issuing = useIssuing(wanted);
  const numbers = wanted.numbers.join(", ");
  return (
    <section>
      <Title order={2} ref={head} tabIndex={-1}>
        {say("recall_new/check")}
      </Title>
      <Facts
        of={[
          [say("recalls/product"), <ProductName key="product" gtin={wanted.gtin} />],
          [say("trace/fields/gtin"), wanted.gtin],
          [say("recall/what"), say(`recall_new/packs/${wanted.scope}`, { numbers })],
          [say("recalls/grade"), say(`recall_new/grades/${wanted.grade}`)],
          [say("recalls/reason"), values(`words/${wanted.reason}`)],
        ]}
      />
      <Title order={3} mt="md">
        {say("recall_new/follows/title")}
      </Title>
      <ul>
        {FOLLOWS.map((each) => (
          <li key={each}>{say(`recall_new/follows/${each}`)}</li>
        ))}
      </ul>
      <Told />
      <p>{say("recall_new/signed")}</p>
      {issuing.error === null ? null : <ProblemNotice error={issuing.error} />}
      <Group mt="md">
        <Button size="lg" variant="outline" disabled={issuing.isPending} onClick={back}>
          {say("recall_new/change")}
        </Button>
        <Button
          size="lg"
          variant="outline"
          color="red"
          loading={issuing.isPending}
          onClick={() => {
            issuing.mutate();
          }}
        >
          {say("recall_new/do")}
        </Button>
      </Group>
    </section>
  );
}

function Told(): ReactNode {
  const say = useText("portal_regulator");
  return (
    <>
      <Title order={3} mt="md">
        {say("recall_new/told/title")}
      </Title>
      <Query of={useTraders()}>
        {(all) => (
          <>
            <p>{say("recall_new/told/count", { count: all.length })}</p>
            <ul>
              {all.map((each) => (
                <li key={each}>
                  <SubjectName id={each} />
                </li>
              ))}
            </ul>
          </>
        )}
      </Query>
    </>
  );
}

function useIssuing(wanted: Wanted): ReturnType<typeof useMutation<unknown, Error, void>> {
  const organisation = useWho()?.organisation ?? "";
  const queries = useQueryClient();
  const navigate = useNavigate();
  const path = usePath();
  const [recall] = useState(newId);
  return useMutation({
    mutationFn: async () => {
      const { gtin, grade, reason } = wanted;
      try {
        await post("/v1/organisations/{organisation}/supply/recalls", {
          path: { organisation },
          body: { recall, gtin, grade, reason, ...packsOf(wanted) },
        });
      } catch (error) {
        if (!(error instanceof ProblemError && error.problem.code === DONE_BEFORE)) throw error;
      }
    },
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: BREACHES });
      await navigate(path(`oversight/recalls/${recall}`));
    },
  });
}
