/** Consent of somebody without a phone: read aloud, heard by two, and kept. */
import { Button, Checkbox, Group, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { post } from "../../../../api";
import { useLanguage } from "../../../../language";
import { useText } from "../../../../text";
import { useOwn } from "../../../../who";
import { type Draft, EMPTY } from "../../../patient/draft";
import { useWorld } from "../../practice/Practice";
import { Recorded } from "../Recorded";
import { Terms } from "../Terms";
import type { Exercise } from "..";

export default function Witness({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const { clinic } = useWorld();
  const [draft] = useState<Draft>(() => ({
    ...EMPTY, grantee: clinic, inside: "doctors", categories: ["laboratory"], purpose: "treat",
  }));
  const [answer, setAnswer] = useState<"no" | "yes">();
  return (
    <>
      <Terms of={draft}>
        <Group grow preventGrowOverflow={false}>
          {(["no", "yes"] as const).map((each) => (
            <Button
              key={each}
              size="lg"
              variant="outline"
              aria-pressed={answer === each}
              onClick={() => { setAnswer(each); }}
            >
              {say(`lessons/witness/says_${each}`)}
            </Button>
          ))}
        </Group>
      </Terms>
      <div role="status">{answer === "no" ? <p>{say("lessons/witness/no")}</p> : null}</div>
      {answer === "yes" ? <Heard onDone={onDone} /> : null}
    </>
  );
}

/** Who heard it: two of the staff who were there. */
function Heard({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const language = useLanguage();
  const { organisation } = useOwn();
  const { ward } = useWorld();
  const staff = ward.staff();
  const there = staff.slice(0, 2).map((each) => each.practitioner);
  const [chosen, setChosen] = useState<string[]>([]);
  const [missed, setMissed] = useState(false);
  const keep = useMutation({
    mutationFn: (witnesses: [string, string]) =>
      post("/v1/organisations/{organisation}/persons/{person}/witnessed-consents", {
        path: { organisation, person: ward.person("wang").id },
        body: { terms: "", witnesses, method: "in-person", language, statement: "", scan: null },
      }),
    onSuccess: onDone,
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    const [one = "", two = ""] = there;
    const fits = chosen.length === there.length && there.every((each) => chosen.includes(each));
    setMissed(!fits);
    if (fits) keep.mutate([one, two]);
  };
  return (
    <form onSubmit={send}>
      <Checkbox.Group label={say("lessons/witness/heard")} value={chosen} onChange={setChosen} my="md">
        <Stack gap="md" mt="sm">
          {staff.map(({ practitioner, name }) => (
            <Checkbox key={practitioner} value={practitioner} label={name} size="md" />
          ))}
        </Stack>
      </Checkbox.Group>
      <Button type="submit" size="lg" disabled={chosen.length === 0 || keep.data !== undefined}>
        {say("lessons/witness/keep")}
      </Button>
      <div role="status">
        {missed ? <p><strong>{say("choose/wrong")}</strong> {say("lessons/witness/wrong")}</p> : null}
      </div>
      {keep.data === undefined ? null : <Recorded act="witnessed" />}
    </form>
  );
}
