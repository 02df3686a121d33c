/** Whom this browser believes: since when, the fingerprint to compare, and how to begin anew. */
import { Alert, Button, FileButton, Group, Text } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { moment } from "../components/Moment";
import { useLanguage } from "../language";
import { useText } from "../text";
import { NotVerified } from "./refusal";
import type { Pin } from "./trust";

const PINNED = ["proof-trust"];

interface Props {
  readonly version: number;
  readonly again: () => void;
}

export function TrustPanel({ version, again }: Props): ReactNode {
  const say = useText("portal_proof");
  const language = useLanguage();
  const queries = useQueryClient();
  const [wrong, setWrong] = useState("");
  const { data: known } = useQuery({
    queryKey: [...PINNED, version],
    queryFn: kept,
    retry: false,
    placeholderData: (before) => before,
  });
  const change = async (act: () => Promise<unknown>): Promise<void> => {
    setWrong("");
    try {
      await act();
    } catch (reason) {
      if (!(reason instanceof NotVerified)) throw reason;
      setWrong(reason.code);
      return;
    }
    await queries.invalidateQueries({ queryKey: PINNED });
    await queries.invalidateQueries({ queryKey: ["proof"] });
    again();
  };
  return (
    <>
      <h3>{say("trust/title")}</h3>
      {known === null ? <Text component="p">{say("trust/nothing")}</Text> : null}
      {known === null || known === undefined ? null : (
        <Known pin={known.pin} digits={known.digits} language={language} change={change} />
      )}
      {wrong === "" ? null : (
        <Alert color="red" variant="outline" role="alert" title={say("trust/wrong_file")}>
          {wrong}
        </Alert>
      )}
      <Group gap="xs">
        <FileButton
          accept="application/json,.json"
          onChange={(chosen: File | null) => {
            if (chosen !== null) void change(() => openFile(chosen));
          }}
        >
          {(props) => (
            <Button variant="outline" {...props}>
              {say("trust/open")}
            </Button>
          )}
        </FileButton>
        <Button variant="subtle" onClick={() => void change(forget)}>
          {say("trust/forget")}
        </Button>
      </Group>
      <Text component="p" size="sm">
        {say("trust/forget_detail")}
      </Text>
    </>
  );
}

interface KnownProps {
  readonly pin: Pin;
  readonly digits: string;
  readonly language: ReturnType<typeof useLanguage>;
  readonly change: (act: () => Promise<unknown>) => Promise<void>;
}

function Known({ pin, digits, language, change }: KnownProps): ReactNode {
  const say = useText("portal_proof");
  const since = moment(pin.since, language);
  const source = pin.source === "file" ? "file" : "first_contact";
  return (
    <>
      <Text component="p">{say(`trust/${source}`, { since })}</Text>
      <Text component="p">{say("trust/compare")}</Text>
      <p className="proof-fingerprint" translate="no">
        {digits}
      </p>
      {pin.compared === null ? (
        <Button variant="outline" onClick={() => void change(confirm)}>
          {say("trust/same")}
        </Button>
      ) : (
        <Text component="p">{say("trust/compared", { when: moment(pin.compared, language) })}</Text>
      )}
      <Text component="p">{say("trust/differs")}</Text>
    </>
  );
}

async function kept(): Promise<{ pin: Pin; digits: string } | null> {
  const [{ STORE }, { fingerprint }] = await Promise.all([import("./check"), import("./trust")]);
  const pin = await STORE.get();
  return pin === null ? null : { pin, digits: fingerprint(pin.file) };
}

async function confirm(): Promise<void> {
  const { STORE } = await import("./check");
  const pin = await STORE.get();
  if (pin !== null) await STORE.put({ ...pin, compared: Date.now() });
}

async function forget(): Promise<void> {
  const { STORE } = await import("./check");
  await STORE.remove();
}

async function openFile(chosen: File): Promise<void> {
  const [{ STORE }, { keep, trustFile }] = await Promise.all([import("./check"), import("./trust")]);
  await keep(STORE, trustFile(new Uint8Array(await chosen.arrayBuffer())), "file");
}
