/** Naming guardians: the code of each, how many must agree, and the signature. */
import { Button, Group, NativeSelect, Stack, TextInput, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { OwnSigning } from "../roles/patient/OwnSigning";
import { useMe } from "../roles/patient/reading";
import { useText } from "../text";
import { isCode } from "./keep";

interface Named {
  readonly name: string;
  readonly code: string;
}

const MOST = 15;

export function NameGuardians({ again }: { again: boolean }): ReactNode {
  const say = useText("portal_guardians");
  const me = useMe();
  const queries = useQueryClient();
  const [named, setNamed] = useState<readonly Named[]>([]);
  const [threshold, setThreshold] = useState(0);
  const [signing, sign] = useState(false);
  const [done, setDone] = useState(false);
  if (signing) {
    const guardians = named.map((each) => each.code);
    const over = (): void => {
      void queries.invalidateQueries({ queryKey: ["patient", me.person] });
      setNamed([]);
      setDone(false);
      sign(false);
    };
    return (
      <>
        <OwnSigning
          messages={[{ type: "identity.SetGuardians", threshold, guardians }]}
          names={new Map(named.map((each) => [each.code, each.name]))}
          onAnswer={({ state }) => { setDone(state === "recorded"); }}
          onDecline={() => { sign(false); }}
        />
        {done ? <Button mt="md" onClick={over}>{say("go_on")}</Button> : null}
      </>
    );
  }
  return (
    <Stack gap="md">
      <Title order={2}>{say(again ? "naming/again" : "naming/title")}</Title>
      <p>{say("naming/about")}</p>
      {named.length === 0 ? null : (
        <ul className="lines">
          {named.map((each) => (
            <li key={each.code}>
              <strong>{each.name}</strong>
              <Button
                variant="outline"
                size="md"
                aria-label={say("naming/remove_of", { name: each.name })}
                onClick={() => { setNamed(named.filter((other) => other !== each)); }}
              >
                {say("naming/remove")}
              </Button>
            </li>
          ))}
        </ul>
      )}
      {named.length < MOST ? (
        <One known={named} onAdd={(one) => { setNamed([...named, one]); }} />
      ) : null}
      {named.length === 0 ? null : (
        <Enough
          count={named.length}
          value={threshold}
          change={setThreshold}
          onGoOn={() => { sign(true); }}
        />
      )}
    </Stack>
  );
}

function One({ known, onAdd }: { known: readonly Named[]; onAdd: (one: Named) => void }): ReactNode {
  const say = useText("portal_guardians");
  const [name, setName] = useState("");
  const [code, setCode] = useState("");
  const [wrong, setWrong] = useState<string>();
  const add = (): void => {
    const text = code.trim();
    if (!isCode(text)) {
      setWrong(say("naming/no_code"));
    } else if (known.some((each) => each.code === text)) {
      setWrong(say("naming/twice"));
    } else {
      onAdd({ name: name.trim(), code: text });
      setName("");
      setCode("");
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      <Stack gap="sm" align="flex-start">
        <TextInput
          size="md"
          w="100%"
          required
          label={say("naming/name")}
          description={say("naming/name_about")}
          value={name}
          maxLength={60}
          autoComplete="off"
          onChange={(event) => { setName(event.currentTarget.value); }}
        />
        <TextInput
          size="md"
          w="100%"
          required
          label={say("naming/code")}
          description={say("naming/code_about")}
          value={code}
          maxLength={60}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          error={wrong}
          onChange={(event) => {
            setCode(event.currentTarget.value);
            setWrong(undefined);
          }}
        />
        <Button size="md" variant="outline" type="submit">{say("naming/add")}</Button>
      </Stack>
    </form>
  );
}

interface EnoughProps {
  readonly count: number;
  /** 0 until it is chosen. */
  readonly value: number;
  readonly change: (value: number) => void;
  readonly onGoOn: () => void;
}

function Enough({ count, value, change, onGoOn }: EnoughProps): ReactNode {
  const say = useText("portal_guardians");
  const options = Array.from({ length: count }, (_, at) => at + 1);
  const ready = options.includes(value);
  return (
    <>
      <NativeSelect
        size="md"
        label={say("naming/threshold")}
        description={say("naming/threshold_about")}
        value={ready ? String(value) : ""}
        data={[
          { value: "", label: say("naming/choose") },
          ...options.map((each) => ({
            value: String(each), label: say("naming/so_many", { wanted: each, count }),
          })),
        ]}
        onChange={(event) => { change(Number(event.currentTarget.value)); }}
      />
      <Group>
        <Button size="lg" disabled={!ready} onClick={onGoOn}>{say("naming/go_on")}</Button>
      </Group>
    </>
  );
}
