/** Making oneself known to somebody who wants to name one: a code that is handed over, for an hour. */
import { Button, Group, Text } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, post } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { usePath } from "../../language";
import { refresh } from "../../session/session";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { useWards } from "../carer/wards";
import { Picture } from "../desk/Picture";
import { useCustody, useMe } from "./reading";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/carer-codes";

/** Milliseconds between two looks at what the reader may. */
const AGAIN = 2_000;

type Made = AnswerOf<typeof ROUTE, "post">;

export default function CarerCode(): ReactNode {
  const say = useText("portal_patient");
  const path = usePath();
  const custody = useCustody();
  return (
    <>
      <PageTitle tab={say("carer-code/title")}>{say("carer-code/title")}</PageTitle>
      <p>{say("carer-code/about")}</p>
      <Named />
      {custody === undefined ? (
        <Loading />
      ) : custody ? (
        <p>
          {say("carer-code/own_key")} <Link to={path("my/device")}>{say("device/title")}</Link>
        </p>
      ) : (
        <Making />
      )}
    </>
  );
}

/** Whoever is named from now on finds the pages for it: the session asks anew what they may. */
function Named(): ReactNode {
  const say = useText("portal_patient");
  const path = usePath();
  const own = useOwn();
  const count = useWards().data?.length ?? 0;
  const opens = own.roles.includes("carer");
  const missing = count > 0 && !opens;
  useEffect(() => {
    if (!missing) return;
    void refresh();
    // Asked too soon after another time, the session does not ask at all.
    const again = setInterval(() => void refresh(), AGAIN);
    return () => {
      clearInterval(again);
    };
  }, [missing]);
  return (
    <div role="status">
      {count === 0 ? null : (
        <p>
          {say("carer-code/named", { count })}{" "}
          {opens ? <Link to={path("care")}>{say("carer-code/open")}</Link> : null}
        </p>
      )}
    </div>
  );
}

function Making(): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const make = useMutation({ mutationFn: () => post(ROUTE, { path: { ...me } }) });
  return (
    <>
      {make.data === undefined ? null : <Shown of={make.data} />}
      <div aria-live="polite">{make.isError ? <ProblemNotice error={make.error} /> : null}</div>
      <Button size="lg" mt="md" loading={make.isPending} onClick={() => { make.mutate(); }}>
        {say(make.data === undefined ? "carer-code/make" : "carer-code/another")}
      </Button>
    </>
  );
}

function Shown({ of }: { of: Made }): ReactNode {
  const say = useText("portal_patient");
  const [copied, setCopied] = useState(false);
  const copy = (): void => {
    navigator.clipboard.writeText(of.code).then(
      () => { setCopied(true); },
      () => { setCopied(false); },
    );
  };
  return (
    <section aria-label={say("carer-code/yours")}>
      <p>{say("carer-code/hand_over")}</p>
      <Picture of={of.qr} label={say("carer-code/qr")} />
      <Text component="p" translate="no" ff="monospace" style={{ overflowWrap: "anywhere" }}>{of.code}</Text>
      <p className="beside">{say("carer-code/until")} <Moment at={of.ends} /></p>
      <Group>
        <Button size="md" variant="outline" onClick={copy}>
          {say(copied ? "links/copied" : "carer-code/copy")}
        </Button>
      </Group>
    </section>
  );
}
