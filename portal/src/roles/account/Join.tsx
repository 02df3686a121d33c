/** Joining by an invitation's link: one button makes a passkey; professionals set codes up next. */
import { Button, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";

import { PageTitle } from "../../components/Page";
import { home } from "../../components/working";
import { usePath } from "../../language";
import { door, joinBy, session, type SignedIn } from "../../session";
import { trouble } from "../../session/trouble";
import { useText } from "../../text";
import { useWho } from "../../who";
import { OutsideButtons } from "./OutsideButtons";
import { SetUpFactor } from "./SetUpFactor";
import { Stage } from "./Stage";
import { SteppedNotice, ThereLink } from "./SteppedNotice";

const CODE = /^#[A-Za-z0-9_-]{22}$/;
/** Kept in memory alone, so that it is neither in the history nor in what somebody copies. */
let code: string | undefined;

export default function Join(): ReactNode {
  const say = useText("portal_account");
  const navigate = useNavigate();
  const { hash, pathname } = useLocation();
  const place = useQuery({ queryKey: ["sign-in"], queryFn: door });
  useEffect(() => {
    if (!CODE.test(hash) || place.data?.origin !== window.location.origin) return;
    code = hash.slice(1);
    void navigate(pathname, { replace: true });
  }, [hash, navigate, pathname, place.data]);
  return (
    <>
      <PageTitle tab={say("join/title")}>{say("join/title")}</PageTitle>
      <div aria-live="polite">
        <SteppedNotice error={place.error} />
      </div>
      {place.data === undefined || place.data.origin === window.location.origin ? (
        <Steps />
      ) : (
        <div role="alert">
          <p>{say("troubles/wrong_address/detail")}</p>
          <ThereLink place={place.data} />
        </div>
      )}
    </>
  );
}

function Steps(): ReactNode {
  const say = useText("portal_account");
  const who = useWho();
  const [over, setOver] = useState(false);
  const step = useMutation({
    mutationFn: () => (code === undefined ? Promise.reject(trouble("no_code")) : joinBy(code)),
    onSuccess: (found: SignedIn) => {
      code = undefined;
      setOver(found.state === "in");
    },
  });
  const done = (): void => {
    setOver(true);
  };
  if (over) return <Welcome />;
  if (who?.level === 1 && session()?.signedIn.joined === true) return <SetUpFactor done={done} />;
  return (
    <Stack gap="md" align="flex-start">
      <p>{say("join/about")}</p>
      <p>{say("join/own_device")}</p>
      <div aria-live="polite">
        <SteppedNotice error={step.error} />
      </div>
      <Button
        size="lg"
        loading={step.isPending}
        onClick={() => {
          step.mutate();
        }}
      >
        {say("join/make")}
      </Button>
      <OutsideButtons code={() => code} />
    </Stack>
  );
}

function Welcome(): ReactNode {
  const say = useText("portal_account");
  const who = useWho();
  const path = usePath();
  return (
    <Stage title={say("join/welcome")}>
      <p>{say("join/next_time")}</p>
      <Link to={path(home(who))}>{say("join/go_on")}</Link>
    </Stage>
  );
}
