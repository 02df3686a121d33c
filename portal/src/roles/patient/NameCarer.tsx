/** Naming a carer: their code, what they may do, how long; then exactly what is allowed. */
import { Button, Checkbox, Group, Radio, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useLocation } from "react-router";

import { type AnswerOf, post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { useText } from "../../text";
import { CHOICES, carerName, LASTS, type Lasts, powersOf } from "./naming";
import { NameCarerReview } from "./NameCarerReview";
import { useMe } from "./reading";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/carers/met";

export type Met = AnswerOf<typeof ROUTE, "post">;

export function NameCarer(): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  // A link or QR code of a carer brings the code behind the `#`.
  const [code, setCode] = useState(useLocation().hash.slice(1));
  const [met, setMet] = useState<Met>();
  const find = useMutation({
    mutationFn: () => post(ROUTE, { path: { ...me }, body: { code: code.trim() } }),
    onSuccess: setMet,
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    find.mutate();
  };
  if (met !== undefined) {
    const again = (): void => {
      setMet(undefined);
      setCode("");
    };
    return <What key={met.custodian} of={met} onDone={again} />;
  }
  return (
    <form onSubmit={send}>
      <p>{say("carers/name_about")}</p>
      <TextInput
        size="md"
        label={say("carers/code")}
        description={say("carers/code_about")}
        value={code}
        maxLength={120}
        required
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        onChange={(event) => { setCode(event.currentTarget.value); }}
      />
      <div aria-live="polite">{find.isError ? <ProblemNotice error={find.error} /> : null}</div>
      <Button size="lg" mt="sm" type="submit" loading={find.isPending}>{say("carers/find")}</Button>
    </form>
  );
}

function What({ of, onDone }: { of: Met; onDone: () => void }): ReactNode {
  const say = useText("portal_patient");
  const [chosen, setChosen] = useState<string[]>([]);
  const [lasts, setLasts] = useState<Lasts>("month");
  const [sure, setSure] = useState(false);
  const [review, setReview] = useState(false);
  const name = carerName(of, say);
  const powers = powersOf(chosen);
  const ready = powers.length > 0 && (lasts !== "long" || sure);
  if (review) {
    return (
      <NameCarerReview
        custodian={of.custodian}
        name={name}
        powers={powers}
        lasts={lasts}
        onBack={() => { setReview(false); }}
        onDone={onDone}
      />
    );
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready) setReview(true);
      }}
    >
      <Stack gap="lg">
        <p role="status">{say("carers/met", { name })}</p>
        <Checkbox.Group label={say("carers/what", { name })} value={chosen} onChange={setChosen}>
          <Stack gap="md" mt="sm">
            {CHOICES.map((each) => (
              <Checkbox
                key={each}
                size="md"
                value={each}
                label={say(`carers/choices/${each}`)}
                description={say(`carers/choices_about/${each}`)}
              />
            ))}
          </Stack>
        </Checkbox.Group>
        <Radio.Group
          label={say("share/lasts")}
          value={lasts}
          onChange={(value) => {
            setLasts(value);
            setSure(false);
          }}
        >
          <Stack gap="md" mt="sm">
            {LASTS.map((each) => (
              <Radio
                key={each}
                size="md"
                value={each}
                label={say(`share/times/${each}`)}
                description={say(`share/times_about/${each}`)}
              />
            ))}
          </Stack>
        </Radio.Group>
        {lasts === "long" ? (
          <Checkbox
            size="md"
            checked={sure}
            label={say("share/sure")}
            onChange={(event) => { setSure(event.currentTarget.checked); }}
          />
        ) : null}
        <div role="status">{ready ? null : say("carers/missing")}</div>
        <Group>
          <Button size="lg" variant="outline" onClick={onDone}>{say("back")}</Button>
          <Button size="lg" type="submit" disabled={!ready}>{say("go_on")}</Button>
        </Group>
      </Stack>
    </form>
  );
}
