/** What the learner has before them on paper: who it is, and the number to type. */
import { Paper } from "@mantine/core";
import type { ReactNode } from "react";

import { Facts } from "../../../components/Facts";
import { useText } from "../../../text";
import { useWorld } from "../practice/Practice";
import type { PersonName } from "../practice/ward";

export function Note({ words, person }: { words: string; person: PersonName }): ReactNode {
  const say = useText("portal_training");
  const desk = useText("portal_desk");
  const { name, born, number } = useWorld().ward.person(person);
  return (
    <Paper component="section" withBorder p="md" mb="md">
      <p>{say(`${words}/note`)}</p>
      <Facts of={[[desk("enrol/name"), name], [desk("enrol/born"), born], [desk("number/number"), number]]} />
    </Paper>
  );
}
