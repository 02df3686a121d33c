/** Asking a person elsewhere for access: whom, what, why, how long; signed, then brought there. */
import { Button, Checkbox, NumberInput, Radio, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { Link } from "react-router";

import { post } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { usePath } from "../../language";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { NumberFields } from "../../components/NumberFields";
import { NO_NUMBER } from "../../components/numbers";
import { useOwn } from "../../who";
import { CATEGORIES, useCategories } from "./categories";
import { Hospitals } from "./Hospitals";
import { toSign } from "./signing-key";
import { SignThen } from "./SignThen";
import { WithKey } from "./WithKey";

const REASONS = ["referral", "second-opinion", "continuing-care", "surgery"] as const;
const LONGEST = 365;

export default function Ask(): ReactNode {
  const say = useText("portal_doctor");
  return (
    <>
      <PageTitle tab={say("ask/title")}>{say("ask/title")}</PageTitle>
      <p>{say("ask/about")}</p>
      <WithKey>{(key) => <Steps by={key} />}</WithKey>
    </>
  );
}

interface Asked {
  readonly holder: string;
  readonly system: string;
  readonly number: string;
  readonly categories: string[];
  readonly reason: string;
  readonly days: number;
}

export function Steps({ by }: { by: DeviceKey }): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const own = useOwn();
  const { organisation } = own;
  const prepare = useMutation({
    mutationFn: async (body: Asked) => {
      const made = await post("/v1/organisations/{organisation}/asks", { path: { organisation }, body });
      return { ask: made.ask, bytes: toSign(by, own, { type: "consent.Ask", ...made }) };
    },
  });
  const deliver = useMutation({
    mutationFn: (ask: string) =>
      post("/v1/organisations/{organisation}/asks/{ask}/deliver", { path: { organisation, ask } }),
  });
  const bring = (): void => {
    if (prepare.data !== undefined) deliver.mutate(prepare.data.ask);
  };
  if (deliver.data !== undefined) {
    return (
      <div role="status">
        <p>{say(deliver.data.delivered ? "ask/delivered" : "ask/not_delivered")}</p>
        {deliver.data.delivered ? null : (
          <Button size="md" variant="outline" onClick={bring}>
            {say("ask/again")}
          </Button>
        )}
        <p>
          <Link to={path("doctor/elsewhere")}>{say("elsewhere/title")}</Link>
        </p>
      </div>
    );
  }
  if (prepare.data === undefined) {
    return (
      <>
        {prepare.isError ? <ProblemNotice error={prepare.error} /> : null}
        <Form busy={prepare.isPending} ask={prepare.mutate} />
      </>
    );
  }
  return (
    <>
      <SignThen bytes={prepare.data.bytes} then={bring} leave={prepare.reset} />
      {deliver.isPending ? <Loading /> : null}
      {deliver.isError ? <ProblemNotice error={deliver.error} retry={bring} /> : null}
    </>
  );
}

function Form({ busy, ask }: { busy: boolean; ask: (asked: Asked) => void }): ReactNode {
  const say = useText("portal_doctor");
  const word = useCategories();
  const { organisation } = useOwn();
  const [holder, setHolder] = useState("");
  const [whom, setWhom] = useState(NO_NUMBER);
  const [categories, setCategories] = useState<string[]>([]);
  const [reason, setReason] = useState("");
  const [days, setDays] = useState<number | string>(30);
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    ask({ holder, ...whom, categories, reason, days: Number(days) });
  };
  return (
    <Stack component="form" gap="md" onSubmit={send}>
      <Hospitals value={holder} change={setHolder} without={organisation} />
      <NumberFields value={whom} change={setWhom} />
      <Checkbox.Group label={say("ask/what")} value={categories} onChange={setCategories}>
        <Stack gap="xs" mt="xs">
          {CATEGORIES.map((each) => (
            <Checkbox key={each} value={each} label={word(each)} size="md" />
          ))}
        </Stack>
      </Checkbox.Group>
      <Radio.Group label={say("ask/why")} value={reason} onChange={setReason} required>
        <Stack gap="xs" mt="xs">
          {REASONS.map((each) => (
            <Radio key={each} value={each} label={say(`ask/reasons/${each}`)} size="md" required />
          ))}
        </Stack>
      </Radio.Group>
      <NumberInput
        label={say("ask/days")}
        size="md"
        min={1}
        max={LONGEST}
        allowDecimal={false}
        required
        hideControls
        value={days}
        onChange={setDays}
      />
      {categories.length === 0 ? <p>{say("ask/choose")}</p> : null}
      <Button type="submit" size="lg" loading={busy} disabled={categories.length === 0}>
        {say("ask/go_on")}
      </Button>
    </Stack>
  );
}
