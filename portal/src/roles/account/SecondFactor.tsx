/** The second step of professionals: the code of an app, or a key of this device. */
import { Button, Stack, TextInput } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { giveCode, giveKey, session } from "../../session";
import { type DeviceKey, deviceKeys } from "../../sign/keys";
import { useText } from "../../text";
import { Leave } from "./Leave";
import { Stage } from "./Stage";
import { SteppedNotice } from "./SteppedNotice";

export function SecondFactor({ done }: { done: () => void }): ReactNode {
  const say = useText("portal_account");
  return (
    <Stage title={say("factor/title")}>
      <p>{say("factor/about")}</p>
      <CodeForm done={done} />
      <ByKey done={done} />
      <Leave />
    </Stage>
  );
}

/** Takes the six digits; they may be pasted, and the browser may fill them in. */
export function CodeForm({ done }: { done: () => void }): ReactNode {
  const say = useText("portal_account");
  const [code, setCode] = useState("");
  const step = useMutation({
    mutationFn: giveCode,
    onSuccess: done,
    onError: () => {
      setCode("");
    },
  });
  const give = (event: SyntheticEvent): void => {
    event.preventDefault();
    step.mutate(code);
  };
  return (
    <form onSubmit={give}>
      <Stack gap="sm" align="flex-start">
        <TextInput
          label={say("factor/code")}
          name="code"
          value={code}
          onChange={(event) => {
            setCode(event.currentTarget.value.replace(/\D/g, "").slice(0, 6));
          }}
          inputMode="numeric"
          autoComplete="one-time-code"
          size="lg"
          required
        />
        <div aria-live="polite">
          <SteppedNotice error={step.error} />
        </div>
        <Button type="submit" size="lg" disabled={code.length !== 6} loading={step.isPending}>
          {say("factor/give")}
        </Button>
      </Stack>
    </form>
  );
}

/** Offers the keys of this device, unless a key was the first step already. */
export function ByKey({ done }: { done: () => void }): ReactNode {
  const say = useText("portal_account");
  const found = session()?.signedIn;
  const owner = found?.subject ?? "";
  const own = useQuery({ queryKey: ["device-keys", owner], queryFn: () => deviceKeys(owner) });
  const step = useMutation({ mutationFn: (key: DeviceKey) => giveKey(key), onSuccess: done });
  if (found?.way === "key" || own.data === undefined || own.data.length === 0) return null;
  return (
    <Stack gap="sm" align="flex-start" mt="md">
      <div aria-live="polite">
        <SteppedNotice error={step.error} />
      </div>
      {own.data.map((key) => (
        <Button
          key={key.id}
          variant="outline"
          loading={step.isPending}
          onClick={() => {
            step.mutate(key);
          }}
        >
          {say("factor/key", { key: key.id.slice(0, 8) })}
        </Button>
      ))}
    </Stack>
  );
}
