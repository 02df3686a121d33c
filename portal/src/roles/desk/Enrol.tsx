/** Enrolling a person by their number, or somebody who cannot be identified yet. */
import { Alert, Button, Radio, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { Link } from "react-router";

import { post } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { type Language, LANGUAGES, useLanguage, usePath } from "../../language";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { Field } from "./Field";
import { NumberFields } from "../../components/NumberFields";
import { NO_NUMBER } from "../../components/numbers";
import { useOwn } from "../../who";

interface Made {
  readonly person: string;
  readonly transaction: string;
  readonly height: number;
}

export default function Enrol(): ReactNode {
  const say = useText("portal_desk");
  const [made, setMade] = useState<Made>();
  const [unknown, setUnknown] = useState(false);
  return (
    <>
      <PageTitle tab={say("enrol/title")}>{say("enrol/title")}</PageTitle>
      {made === undefined ? (
        <>
          {unknown ? <Provisional done={setMade} /> : <Known done={setMade} />}
          <Button
            variant="subtle"
            size="md"
            mt="lg"
            onClick={() => {
              setUnknown(!unknown);
            }}
          >
            {say(unknown ? "enrol/known" : "enrol/unknown")}
          </Button>
        </>
      ) : (
        <Enrolled of={made} />
      )}
    </>
  );
}

function Enrolled({ of }: { of: Made }): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  return (
    <>
      <Alert color="green" variant="outline" role="status">
        {say("enrol/done")}
      </Alert>
      <ProofBadge plain subject={{ kind: "transaction", hash: of.transaction, shown: { height: of.height } }} />
      <Button component={Link} to={path(`desk/persons/${of.person}`)} size="lg" mt="md">
        {say("enrol/go_on")}
      </Button>
    </>
  );
}

export function Known({ done }: { done: (made: Made) => void }): ReactNode {
  const say = useText("portal_desk");
  const { organisation } = useOwn();
  const shown = useLanguage();
  const [whom, setWhom] = useState(NO_NUMBER);
  const [name, setName] = useState("");
  const [born, setBorn] = useState("");
  const [language, setLanguage] = useState<Language>(shown);
  const [phone, setPhone] = useState("");
  const [email, setEmail] = useState("");
  const enrol = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons", {
        path: { organisation },
        body: {
          ...whom,
          name: name.trim(),
          language,
          born: born === "" ? null : born,
          contacts: { phone: phone.trim() || null, email: email.trim() || null },
        },
      }),
    onSuccess: done,
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    enrol.mutate();
  };
  return (
    <Stack component="form" gap="md" onSubmit={send}>
      <p>{say("enrol/about")}</p>
      <NumberFields value={whom} change={setWhom} />
      <Field label={say("enrol/name")} value={name} change={setName} required />
      <Field label={say("enrol/born")} value={born} change={setBorn} type="date" />
      <LanguageChoice value={language} change={setLanguage} />
      <Field label={say("enrol/phone")} value={phone} change={setPhone} type="tel" hint={say("enrol/phone_as")} />
      <Field label={say("enrol/email")} value={email} change={setEmail} type="email" />
      <div aria-live="polite">{enrol.isError ? <ProblemNotice error={enrol.error} /> : null}</div>
      <Button type="submit" size="lg" loading={enrol.isPending}>
        {say("enrol/send")}
      </Button>
    </Stack>
  );
}

function Provisional({ done }: { done: (made: Made) => void }): ReactNode {
  const say = useText("portal_desk");
  const { organisation } = useOwn();
  const language = useLanguage();
  const [label, setLabel] = useState("");
  const enrol = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons/provisional", {
        path: { organisation },
        body: { label: label.trim(), language },
      }),
    onSuccess: done,
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    enrol.mutate();
  };
  return (
    <Stack component="form" gap="md" onSubmit={send}>
      <p>{say("enrol/provisional")}</p>
      <TextInput
        label={say("enrol/label")}
        description={say("enrol/label_as")}
        size="md"
        required
        maxLength={200}
        autoComplete="off"
        value={label}
        onChange={(event) => {
          setLabel(event.currentTarget.value);
        }}
      />
      <div aria-live="polite">{enrol.isError ? <ProblemNotice error={enrol.error} /> : null}</div>
      <Button type="submit" size="lg" loading={enrol.isPending}>
        {say("enrol/send_provisional")}
      </Button>
    </Stack>
  );
}

interface ChoiceProps {
  readonly value: Language;
  readonly change: (language: Language) => void;
}

function LanguageChoice({ value, change }: ChoiceProps): ReactNode {
  const say = useText("portal_desk");
  const shell = useText();
  return (
    <Radio.Group
      label={say("enrol/language")}
      value={value}
      onChange={(chosen) => {
        change(LANGUAGES.find((each) => each === chosen) ?? value);
      }}
    >
      {LANGUAGES.map((each) => (
        <Radio key={each} value={each} label={shell(`languages/${each}`)} size="md" mt="xs" />
      ))}
    </Radio.Group>
  );
}
