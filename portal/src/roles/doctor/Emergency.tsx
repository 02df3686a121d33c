/** An emergency: open the most needed records without asking first, with a reason; it is reviewed. */
import { Alert, Button, Radio, Stack, Textarea } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { type AnswerOf, post } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { NumberFields } from "../../components/NumberFields";
import { NO_NUMBER } from "../../components/numbers";
import { useOwn } from "../../who";
import { Hospitals } from "./Hospitals";
import { toSign } from "./signing-key";
import { Readings } from "./Readings";
import { SignThen } from "./SignThen";
import { WithKey } from "./WithKey";

const REASONS = ["life_threatening", "unable_to_consent", "public_health", "other"] as const;
type Reason = (typeof REASONS)[number];

interface Asked {
  readonly holder: string;
  readonly system: string;
  readonly number: string;
  readonly reason: Reason;
  readonly text: string;
}

type Reading = AnswerOf<"/v1/organisations/{organisation}/emergencies/{access}/read", "post">;

export default function Emergency(): ReactNode {
  const say = useText("portal_doctor");
  return (
    <>
      <PageTitle tab={say("emergency/title")}>{say("emergency/title")}</PageTitle>
      <p>{say("emergency/about")}</p>
      <WithKey>{(key) => <Steps by={key} />}</WithKey>
    </>
  );
}

export function Steps({ by }: { by: DeviceKey }): ReactNode {
  const own = useOwn();
  const { organisation } = own;
  const prepare = useMutation({
    mutationFn: async (body: Asked) => {
      const made = await post("/v1/organisations/{organisation}/emergencies", {
        path: { organisation },
        body,
      });
      const { access, terms, ends } = made;
      return { access, ends, bytes: toSign(by, own, { type: "consent.BreakGlass", access, terms, ends }) };
    },
  });
  const read = useMutation({
    mutationFn: (access: string): Promise<Reading> =>
      post("/v1/organisations/{organisation}/emergencies/{access}/read", {
        path: { organisation, access },
        body: {},
      }),
  });
  const open = (): void => {
    if (prepare.data !== undefined) read.mutate(prepare.data.access);
  };
  if (prepare.data === undefined) {
    return (
      <>
        {prepare.isError ? <ProblemNotice error={prepare.error} /> : null}
        <Form busy={prepare.isPending} ask={prepare.mutate} />
      </>
    );
  }
  if (read.data !== undefined) {
    return <Opened reading={read.data} ends={prepare.data.ends} />;
  }
  return (
    <>
      <SignThen bytes={prepare.data.bytes} then={open} leave={prepare.reset} />
      {read.isPending ? <Loading /> : null}
      {read.isError ? <ProblemNotice error={read.error} retry={open} /> : null}
    </>
  );
}

function Opened({ reading, ends }: { reading: Reading; ends: number }): ReactNode {
  const say = useText("portal_doctor");
  return (
    <>
      <p>
        {say("emergency/until")} <Moment at={ends} />
      </p>
      <Readings records={reading.records} refused={reading.refused} />
    </>
  );
}

function Form({ busy, ask }: { busy: boolean; ask: (asked: Asked) => void }): ReactNode {
  const say = useText("portal_doctor");
  const [holder, setHolder] = useState("");
  const [whom, setWhom] = useState(NO_NUMBER);
  const [reason, setReason] = useState<Reason | "">("");
  const [text, setText] = useState("");
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (reason !== "") ask({ holder, ...whom, reason, text });
  };
  return (
    <Stack component="form" gap="md" onSubmit={send}>
      <Alert color="red" variant="outline" title={say("emergency/warning")}>
        {say("emergency/told")}
      </Alert>
      <Hospitals value={holder} change={setHolder} />
      <NumberFields value={whom} change={setWhom} />
      <Radio.Group
        label={say("emergency/why")}
        value={reason}
        onChange={(value) => {
          setReason(REASONS.find((each) => each === value) ?? "");
        }}
        required
      >
        <Stack gap="xs" mt="xs">
          {REASONS.map((each) => (
            <Radio key={each} value={each} label={say(`emergency/reasons/${each}`)} size="md" required />
          ))}
        </Stack>
      </Radio.Group>
      <Textarea
        label={say("emergency/text")}
        description={say("emergency/text_for")}
        size="md"
        required
        maxLength={500}
        autosize
        minRows={2}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      <Button type="submit" size="lg" loading={busy}>
        {say("emergency/go_on")}
      </Button>
    </Stack>
  );
}
