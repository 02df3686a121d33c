/** A note of the person's own, beside their records. It changes no record. */
import { Button, Group, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { ProofBadge } from "../../proof";
import { usePatientText } from "./acting";
import { Done } from "./Done";
import { useMe } from "./reading";

const LONGEST = 20_000;

interface Props {
  readonly label: string;
  readonly about: string;
  /** What stands in it at first. */
  readonly begin?: string;
  /** Put before what is written, to say which entry it is about. */
  readonly heading?: string;
  readonly onDecline: () => void;
}

export function NoteForm({ label, about, begin = "", heading, onDecline }: Props): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const queries = useQueryClient();
  const [text, setText] = useState(begin);
  const keep = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons/{person}/notes", {
        path: me,
        body: { text: heading === undefined ? text.trim() : `${heading}\n${text.trim()}` },
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["patient", me.person] });
      await queries.invalidateQueries({ queryKey: ["patient-timeline", me.person] });
    },
  });
  if (keep.data !== undefined) {
    const { transaction, height } = keep.data;
    return (
      <Done title={say("note/kept")}>
        <ProofBadge plain subject={{ kind: "transaction", hash: transaction, shown: { height } }} />
      </Done>
    );
  }
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (text.trim() !== "") keep.mutate();
  };
  return (
    <form onSubmit={send}>
      <Textarea
        label={label}
        description={about}
        value={text}
        maxLength={LONGEST}
        autosize
        minRows={3}
        required
        onChange={(event) => { setText(event.currentTarget.value); }}
      />
      <div aria-live="polite">{keep.isError ? <ProblemNotice error={keep.error} /> : null}</div>
      <Group mt="sm">
        <Button type="submit" size="md" loading={keep.isPending}>{say("note/keep")}</Button>
        <Button size="md" variant="outline" onClick={onDecline}>{say("back")}</Button>
      </Group>
    </form>
  );
}
