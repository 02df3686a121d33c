/** Signing in: a passkey or a key of this device, then the second factor where one is wanted. */
import { Button, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useNavigate } from "react-router";

import { PageTitle } from "../../components/Page";
import { home } from "../../components/working";
import { usePath } from "../../language";
import { type Door, door, type SignedIn, signIn, signInByKey, session } from "../../session";
import { type DeviceKey, deviceKeys } from "../../sign/keys";
import { useText } from "../../text";
import { useWho, who as whoNow } from "../../who";
import { OutsideButtons } from "./OutsideButtons";
import { SecondFactor } from "./SecondFactor";
import { SetUpFactor } from "./SetUpFactor";
import { SteppedNotice, ThereLink } from "./SteppedNotice";

export default function SignIn(): ReactNode {
  const say = useText("portal_account");
  const who = useWho();
  return (
    <>
      <PageTitle tab={say("sign_in/title")}>{say("sign_in/title")}</PageTitle>
      {who === undefined ? <FirstStep /> : who.level === 1 ? <Second /> : <Already />}
    </>
  );
}

function Second(): ReactNode {
  const navigate = useNavigate();
  const path = usePath();
  const done = (): void => {
    void navigate(path(home(whoNow())));
  };
  // Who has just joined may have to set codes up first.
  return session()?.signedIn.joined === true ? <SetUpFactor done={done} /> : <SecondFactor done={done} />;
}

function Already(): ReactNode {
  const say = useText("portal_account");
  const path = usePath();
  return (
    <p>
      {say("sign_in/already")} <Link to={path("account")}>{say("account/title")}</Link>
    </p>
  );
}

function FirstStep(): ReactNode {
  const say = useText("portal_account");
  const navigate = useNavigate();
  const path = usePath();
  const place = useQuery({ queryKey: ["sign-in"], queryFn: door });
  const own = useQuery({ queryKey: ["device-keys"], queryFn: () => deviceKeys(), retry: false });
  const step = useMutation({
    mutationFn: (key: DeviceKey | undefined) => (key === undefined ? signIn() : signInByKey(key)),
    onSuccess: (found: SignedIn) => {
      if (found.state === "in") void navigate(path(home(whoNow())));
    },
  });
  if (place.data !== undefined && place.data.origin !== window.location.origin) {
    return <Elsewhere place={place.data} />;
  }
  return (
    <Stack gap="md" align="flex-start">
      <p>{say("sign_in/about")}</p>
      <div aria-live="polite">
        <SteppedNotice error={step.error ?? place.error} place={place.data} />
      </div>
      <Button
        size="lg"
        loading={step.isPending}
        onClick={() => {
          step.mutate(undefined);
        }}
      >
        {say("sign_in/passkey")}
      </Button>
      {(own.data ?? []).map((key) => (
        <Button
          key={key.id}
          variant="outline"
          size="lg"
          disabled={step.isPending}
          onClick={() => {
            step.mutate(key);
          }}
        >
          {say("sign_in/key", { key: key.id.slice(0, 8) })}
        </Button>
      ))}
      <OutsideButtons />
      <p>{say("sign_in/new_here")}</p>
    </Stack>
  );
}

function Elsewhere({ place }: { place: Door }): ReactNode {
  const say = useText("portal_account");
  return (
    <div role="alert">
      <p>{say("troubles/wrong_address/detail")}</p>
      <ThereLink place={place} />
    </div>
  );
}
