/** Inviting one person: whom, in which language, for how long. */
import { Button, Checkbox, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { type Language, LANGUAGES, useLanguage } from "../../language";
import { useText } from "../../text";
import type { IssuedInvitation } from "./Issued";
import { NewcomerFields, NOBODY } from "./NewcomerFields";
import { useStaff } from "../../components/staff";

const MINUTES = [60, 1440, 10_080] as const;
/** Unless something else is chosen: until this time tomorrow. */
const A_DAY = 1440;
const NEW = "new";
const OTHER = "other";
const ID_LENGTH = 22;

interface Props {
  readonly organisation: string;
  readonly onIssued: (issued: IssuedInvitation) => void;
}

export function Invite({ organisation, onIssued }: Props): ReactNode {
  const say = useText("portal_operator");
  const words = useText();
  const here = useLanguage();
  const staff = useStaff(organisation);
  const [chosen, setChosen] = useState("");
  const [typed, setTyped] = useState("");
  const [newcomer, setNewcomer] = useState(NOBODY);
  const [language, setLanguage] = useState<Language>(here);
  const [minutes, setMinutes] = useState<number>(A_DAY);
  const [renews, setRenews] = useState(false);
  const subject = chosen === OTHER ? typed.trim() : chosen;
  const inviting = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/invitations", {
        path: { organisation },
        body: chosen === NEW ? { newcomer, minutes, language } : { subject, minutes, language, renews },
      }),
    onSuccess: onIssued,
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (subject !== "") inviting.mutate();
  };
  const people = (staff.data ?? []).map((each) => ({ value: each.practitioner, label: each.name }));
  return (
    <form onSubmit={send}>
      <Stack gap="md" maw="32rem">
        <p>{say("invitations/about")}</p>
        <NativeSelect
          label={say("invite/whom")}
          name="whom"
          required
          value={chosen}
          data={[
            { value: "", label: say("invite/choose") },
            { value: NEW, label: say("invite/new") },
            ...people,
            { value: OTHER, label: say("invite/other") },
          ]}
          onChange={(event) => {
            setChosen(event.currentTarget.value);
          }}
        />
        {chosen === NEW ? <NewcomerFields value={newcomer} change={setNewcomer} /> : null}
        {chosen === OTHER ? (
          <TextInput
            label={say("invite/id")}
            description={say("invite/id_about")}
            name="subject"
            required
            value={typed}
            minLength={ID_LENGTH}
            maxLength={ID_LENGTH}
            autoComplete="off"
            spellCheck={false}
            onChange={(event) => {
              setTyped(event.currentTarget.value);
            }}
          />
        ) : null}
        <NativeSelect
          label={say("invite/language")}
          name="language"
          value={language}
          data={LANGUAGES.map((each) => ({ value: each, label: words(`languages/${each}`) }))}
          onChange={(event) => {
            setLanguage(event.currentTarget.value as Language);
          }}
        />
        <NativeSelect
          label={say("invite/lasts")}
          name="lasts"
          value={String(minutes)}
          data={MINUTES.map((each) => ({ value: String(each), label: say(`invite/minutes/${each}`) }))}
          onChange={(event) => {
            setMinutes(Number(event.currentTarget.value));
          }}
        />
        {chosen === NEW ? null : (
          <Checkbox
            label={say("invite/renews")}
            description={say("invite/renews_about")}
            name="renews"
            checked={renews}
            onChange={(event) => {
              setRenews(event.currentTarget.checked);
            }}
          />
        )}
        <div aria-live="polite">
          {inviting.error === null ? null : <ProblemNotice error={inviting.error} />}
        </div>
        <Button type="submit" size="lg" loading={inviting.isPending}>
          {say("invite/make")}
        </Button>
      </Stack>
    </form>
  );
}
