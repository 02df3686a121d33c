/** "I do not know this reading": a note to the organisation, kept beside the records. */
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { moment } from "../../components/Moment";
import { useLanguage } from "../../language";
import { usePatientText } from "./acting";
import { NoteForm } from "./NoteForm";

export function NotRecognised({ what, at }: { what: string; at: number }): ReactNode {
  const say = usePatientText();
  const language = useLanguage();
  const [open, setOpen] = useState(false);
  const when = moment(at, language);
  if (!open) {
    return (
      <Button
        variant="outline"
        aria-label={say("looked/unknown_of", { what, when })}
        onClick={() => { setOpen(true); }}
      >
        {say("looked/unknown")}
      </Button>
    );
  }
  return (
    <NoteForm
      label={say("looked/unknown_label")}
      about={say("looked/unknown_about")}
      begin={say("looked/unknown_text", { what, when })}
      onDecline={() => { setOpen(false); }}
    />
  );
}
