/** Making a link: what is in it, how long it opens, a passcode; then it is shown once. */
import { Alert, Button, Group, PasswordInput, Radio, Stack, Text, TextInput } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { type AnswerOf, post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { useText } from "../../text";
import { type Draft, EMPTY, NORMAL } from "./draft";
import { useMe } from "./reading";
import { ShareWhat } from "./ShareWhat";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/health-links";
const MINUTES = { hour: 60, day: 1_440, week: 10_080 } as const;
const TIMES = ["hour", "day", "week"] as const;

type Made = AnswerOf<typeof ROUTE, "post">;
type Time = keyof typeof MINUTES;

export function MakeLink({ onDone }: { onDone: () => void }): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const queries = useQueryClient();
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [label, setLabel] = useState("");
  const [passcode, setPasscode] = useState("");
  const [time, setTime] = useState<Time>("day");
  const make = useMutation({
    mutationFn: () =>
      post(ROUTE, {
        path: { ...me },
        body: {
          categories: [...draft.categories],
          sensitivities: [NORMAL, ...draft.sensitivities],
          label: label.trim(),
          minutes: MINUTES[time],
          ...(passcode === "" ? {} : { passcode }),
        },
        timeout: 60_000,
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["patient", me.person] }),
  });
  if (make.data !== undefined) return <Shown of={make.data} onDone={onDone} />;
  const ready = draft.categories.length > 0 && (passcode === "" || passcode.length >= 4);
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (ready) make.mutate();
  };
  return (
    <form onSubmit={send}>
      <Stack gap="lg" mt="md">
        <ShareWhat draft={draft} change={(more) => { setDraft({ ...draft, ...more }); }} wanted={[]} />
        <TextInput
          label={say("links/label")}
          description={say("links/label_about")}
          value={label}
          maxLength={80}
          autoComplete="off"
          onChange={(event) => { setLabel(event.currentTarget.value); }}
        />
        <Radio.Group label={say("links/hours")} description={say("links/once")} value={time} onChange={setTime}>
          <Stack gap="md" mt="sm">
            {TIMES.map((each) => (
              <Radio key={each} size="md" value={each} label={say(`links/times/${each}`)} />
            ))}
          </Stack>
        </Radio.Group>
        <PasswordInput
          label={say("links/passcode")}
          description={say("links/passcode_about")}
          value={passcode}
          maxLength={64}
          autoComplete="off"
          visibilityToggleButtonProps={{ "aria-hidden": true }}
          onChange={(event) => { setPasscode(event.currentTarget.value); }}
        />
        <div aria-live="polite">{make.isError ? <ProblemNotice error={make.error} /> : null}</div>
        <Group>
          <Button size="lg" variant="outline" onClick={onDone}>{say("back")}</Button>
          <Button size="lg" type="submit" disabled={!ready} loading={make.isPending}>{say("links/make")}</Button>
        </Group>
      </Stack>
    </form>
  );
}

function Shown({ of, onDone }: { of: Made; onDone: () => void }): ReactNode {
  const say = useText("portal_patient");
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard.writeText(of.viewer).then(
      () => { setCopied(true); },
      () => { setCopied(false); },
    );
  };
  const { side, path } = of.qr;
  return (
    <Alert color="brand" variant="outline" title={say("links/made")} role="status">
      <p>{say("links/shown_once")}</p>
      {of.left_out === 0 ? null : <p>{say("links/left_out", { count: of.left_out })}</p>}
      <svg
        role="img"
        aria-label={say("links/qr")}
        viewBox={`0 0 ${side} ${side}`}
        width="280"
        height="280"
        shapeRendering="crispEdges"
      >
        <rect width={side} height={side} fill="#ffffff" />
        <path d={path} stroke="#000000" />
      </svg>
      <Text component="p" size="sm" translate="no">{of.viewer}</Text>
      <Group>
        <Button size="md" variant="outline" onClick={copy}>{say(copied ? "links/copied" : "links/copy")}</Button>
        <Button size="md" onClick={onDone}>{say("go_on")}</Button>
      </Group>
    </Alert>
  );
}
