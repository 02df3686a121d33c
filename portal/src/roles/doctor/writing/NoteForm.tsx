/** A note in the doctor's own words. */
import { Button, Stack, Textarea } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../../../text";
import type { FormProps } from "../Write";
import { note, thisMinute } from "./resources";
import { past, useWhen, WhenField } from "./WhenField";

const LONGEST = 20_000;

export function NoteForm({ about, done }: FormProps): ReactNode {
  const say = useText("portal_doctor");
  const moment = useWhen();
  const [text, setText] = useState("");
  const [when, setWhen] = useState(thisMinute);
  const may = text.trim() !== "" && past(when);
  return (
    <Stack
      component="form"
      gap="md"
      onSubmit={(event) => {
        event.preventDefault();
        if (!may) return;
        const said = say("write/said/note", { when: moment(when) });
        done({ content: note(about, say("write/kinds/note"), text.trim(), when), said });
      }}
    >
      <Textarea
        label={say("write/note")}
        description={say("write/note_about")}
        size="md"
        required
        autosize
        minRows={5}
        maxLength={LONGEST}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      <WhenField label={say("write/found")} value={when} change={setWhen} />
      <Button type="submit" size="lg" disabled={!may}>
        {say("write/look")}
      </Button>
    </Stack>
  );
}
