/** Refusing a question: why is for the person alone; who asked learns that it was refused. */
import { Button, Group, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { usePatientText } from "./acting";
import { type Ask, useMe } from "./reading";

const LONGEST = 500;

export function RefuseAsk({ of, onBack }: { of: Ask; onBack: () => void }): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const queries = useQueryClient();
  const [words, setWords] = useState("");
  const refuse = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons/{person}/asks/{ask}/refusal", {
        path: { ...me, ask: of.ask }, body: { words: words.trim() },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["patient", me.person] }),
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    refuse.mutate();
  };
  return (
    <form onSubmit={send}>
      <p>{say("questions/refusing")}</p>
      <Textarea
        label={say("questions/words")}
        description={say("questions/words_about")}
        value={words}
        maxLength={LONGEST}
        autosize
        minRows={2}
        onChange={(event) => { setWords(event.currentTarget.value); }}
      />
      <div aria-live="polite">{refuse.isError ? <ProblemNotice error={refuse.error} /> : null}</div>
      <Group grow preventGrowOverflow={false} mt="sm">
        <Button size="lg" variant="outline" disabled={refuse.isPending} onClick={onBack}>{say("back")}</Button>
        <Button size="lg" variant="outline" type="submit" loading={refuse.isPending}>
          {say("questions/refuse")}
        </Button>
      </Group>
    </form>
  );
}
