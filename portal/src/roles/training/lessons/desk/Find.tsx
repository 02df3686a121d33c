/** Somebody with a card: found by it, and made sure of before anything is opened. */
import { Code, Paper, Text } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get, post } from "../../../../api";
import { ProblemNotice } from "../../../../components/ProblemNotice";
import { Query } from "../../../../components/Query";
import { useText } from "../../../../text";
import { useOwn } from "../../../../who";
import { ByCard } from "../../../desk/Desk";
import { Known } from "../../../desk/Person";
import { Choose } from "../../Choose";
import { CARD } from "../../practice/desk";
import type { Exercise } from "..";

export default function Find({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const { organisation } = useOwn();
  const find = useMutation({
    mutationFn: (body: { card: string }) =>
      post("/v1/organisations/{organisation}/persons/look-up", { path: { organisation }, body }),
  });
  return (
    <>
      <p>{say("lessons/find/on_card")} <Code translate="no">{CARD}</Code></p>
      <ByCard busy={find.isPending} find={find.mutate} />
      <div aria-live="polite">{find.isError ? <ProblemNotice error={find.error} /> : null}</div>
      {find.data === undefined ? null : <Found person={find.data.person} onDone={onDone} />}
    </>
  );
}

function Found({ person, onDone }: Exercise & { person: string }): ReactNode {
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: ["desk-entry", organisation, person],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/persons/{person}", { path: { organisation, person }, signal }),
  });
  return (
    <Query of={found}>
      {(entry) => (
        <>
          <Paper component="section" withBorder p="md" my="md">
            <Text component="p" fw={700} size="lg" translate="no">{entry.name}</Text>
            <Known of={entry} />
          </Paper>
          <Choose words="lessons/find" options={["read_out", "nothing", "ask"]} right="ask" onRight={onDone} />
        </>
      )}
    </Query>
  );
}
