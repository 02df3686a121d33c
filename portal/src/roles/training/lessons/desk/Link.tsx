/** Two registrations of one person: told from a namesake, joined, and taken apart again. */
import { Button, Paper, Text, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { post } from "../../../../api";
import { Facts } from "../../../../components/Facts";
import { useText } from "../../../../text";
import { useOwn } from "../../../../who";
import { Choose } from "../../Choose";
import { useWorld } from "../../practice/Practice";
import type { PersonName } from "../../practice/ward";
import { Recorded } from "../Recorded";
import type { Exercise } from "..";

const SHOWN: readonly PersonName[] = ["unknown", "namesake", "wang"];

export default function Link({ onDone }: Exercise): ReactNode {
  const desk = useText("portal_desk");
  const say = useText("portal_training");
  const { ward } = useWorld();
  const [told, setTold] = useState(false);
  return (
    <>
      {SHOWN.map((each, at) => {
        const { name, born } = ward.person(each);
        return (
          <Paper component="section" withBorder p="md" mb="sm" key={each}>
            <Title order={2} size="h4">{say("lessons/link/registration", { at: at + 1 })}</Title>
            <Text component="p" fw={700} translate="no">{name}</Text>
            {born === "" ? <p>{desk("person/provisional")}</p> : <Facts of={[[desk("enrol/born"), born]]} />}
          </Paper>
        );
      })}
      <Choose
        words="lessons/link"
        options={["first_second", "first_third", "second_third"]}
        right="first_third"
        onRight={() => { setTold(true); }}
      />
      {told ? <Joined onDone={onDone} /> : null}
    </>
  );
}

/** Joined and taken apart as the node would, each with its own proof. */
function Joined({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const { organisation } = useOwn();
  const { ward } = useWorld();
  const [kept, other, witness] = [ward.person("wang").id, ward.person("unknown").id, ward.staff()[1]?.practitioner ?? ""];
  const join = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/links", {
        path: { organisation },
        body: { kept, other, witness, ground: "provisional" },
      }),
  });
  const part = useMutation({
    mutationFn: (link: string) =>
      post("/v1/organisations/{organisation}/links/{link}/end", {
        path: { organisation, link },
        body: { witness },
      }),
    onSuccess: onDone,
  });
  const { data } = join;
  return (
    <div role="status">
      {data === undefined ? (
        <Button size="lg" mt="md" loading={join.isPending} onClick={() => { join.mutate(); }}>
          {say("lessons/link/join")}
        </Button>
      ) : (
        <>
          <p>{say("lessons/link/joined")}</p>
          <Recorded act={part.data === undefined ? "linked" : "unlinked"} />
          {part.data === undefined ? (
            <Button
              size="lg"
              mt="md"
              variant="outline"
              loading={part.isPending}
              onClick={() => { part.mutate(data.link); }}
            >
              {say("lessons/link/part")}
            </Button>
          ) : <p>{say("lessons/link/parted")}</p>}
        </>
      )}
    </div>
  );
}
