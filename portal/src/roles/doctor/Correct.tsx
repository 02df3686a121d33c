/** A new version of a record beside the old one: another value, and why. */
import { Button, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { request } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { corrected, takesNotes, valueOf } from "./correcting";
import { TIMELINE } from "./Record";

interface Props {
  readonly record: string;
  /** The record's exact text. */
  readonly content: string;
  readonly done: () => void;
}

export function Correct({ record, content, done }: Props): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { organisation } = useOwn();
  const before = valueOf(content);
  const [value, setValue] = useState(before ?? "");
  const [why, setWhy] = useState("");
  const change = useMutation({
    mutationFn: () =>
      request("POST", "/v1/organisations/{organisation}/records/{record}/corrections", {
        path: { organisation, record },
        headers: { "Content-Type": "application/fhir+json" },
        body: corrected(content, before === undefined ? undefined : value.trim(), why.trim()),
      }),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: [TIMELINE, organisation] });
      done();
    },
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    change.mutate();
  };
  if (!takesNotes(content)) {
    return <p>{say("correct/not_here")}</p>;
  }
  return (
    <Stack component="form" onSubmit={send} gap="sm" mt="sm">
      <p>{say("correct/about")}</p>
      {before === undefined ? null : (
        <TextInput
          label={say("correct/value")}
          inputMode="decimal"
          pattern="-?(0|[1-9][0-9]*)([.][0-9]+)?"
          size="md"
          required
          value={value}
          onChange={(event) => {
            setValue(event.currentTarget.value);
          }}
        />
      )}
      <Textarea
        label={say("correct/why")}
        size="md"
        required
        maxLength={2_000}
        autosize
        minRows={2}
        value={why}
        onChange={(event) => {
          setWhy(event.currentTarget.value);
        }}
      />
      {change.isError ? <ProblemNotice error={change.error} /> : null}
      <Group>
        <Button variant="outline" size="md" onClick={done}>
          {say("correct/leave")}
        </Button>
        <Button type="submit" variant="outline" size="md" loading={change.isPending}>
          {say("correct/send")}
        </Button>
      </Group>
    </Stack>
  );
}
