/** The first screen: what is new, who can see me, who looked. */
import { Alert, Button, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { post } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useActing, useMay, useMayShare, useMine, usePatientText } from "./acting";
import { DisclosureLine } from "./DisclosureLine";
import { GrantList, isOpen } from "./GrantList";
import { folded } from "./looking";
import { type Notice, useAsks, useDisclosures, useFresh, useGrants, useMe, useNotices } from "./reading";
import { useNames } from "./words";

const SHOWN = 3;

export default function Overview(): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  const reads = useMay("read");
  const shares = useMayShare();
  useFresh();
  return (
    <>
      <PageTitle tab={say("overview/tab")}>{say("overview/title")}</PageTitle>
      <Waiting />
      {reads ? <Title order={2} mt="lg">{say("overview/new")}</Title> : null}
      {reads ? <News /> : null}
      <Title order={2} mt="lg">{say("overview/can_see")}</Title>
      <Standing />
      {shares ? (
        <Button component={Link} to={mine("share")} size="lg" mt="sm">{say("share/start")}</Button>
      ) : null}
      {reads ? (
        <>
          <Title order={2} mt="lg">{say("overview/looked")}</Title>
          <Looked />
          <p>
            <Link to={mine("readers")}>{say("overview/all_looked")}</Link>
          </p>
        </>
      ) : null}
    </>
  );
}

function Waiting(): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  const waiting = (useAsks().data ?? []).filter((each) => each.status === "waiting").length;
  if (waiting === 0) return null;
  return (
    <Alert color="brand" variant="outline">
      <Link to={mine("questions")}>{say("overview/asked", { count: waiting })}</Link>
    </Alert>
  );
}

function News(): ReactNode {
  const say = usePatientText();
  const found = useNotices();
  return (
    <Query of={found}>
      {(notices) =>
        notices.length === 0 ? (
          <Empty>{say("overview/nothing_new")}</Empty>
        ) : (
          <ul className="lines">
            {notices.slice(0, SHOWN).map((each) => (
              <NoticeLine key={each.notice} of={each} />
            ))}
          </ul>
        )
      }
    </Query>
  );
}

/** A notice stays in the language that it was sent in. */
function languageOf(text: string): string {
  return /[\u4e00-\u9fff]/.test(text) ? "zh-CN" : "en";
}

function NoticeLine({ of }: { of: Notice }): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const own = useActing() === undefined;
  const again = useNotices().refetch;
  const seen = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons/{person}/notices/{notice}/read", {
        path: { ...me, notice: of.notice },
      }),
    onSuccess: () => again(),
  });
  return (
    <li>
      <strong lang={languageOf(of.title)}>{of.title}</strong>
      <div lang={languageOf(of.body)}>{of.body}</div>
      <span className="beside"><Moment at={of.at} /></span>
      {of.read === null && own ? (
        <Button
          size="md"
          variant="outline"
          loading={seen.isPending}
          aria-label={say("overview/seen_of", { title: of.title })}
          onClick={() => { seen.mutate(); }}
        >
          {say("overview/seen")}
        </Button>
      ) : null}
      <div aria-live="polite">{seen.isError ? <ProblemNotice error={seen.error} /> : null}</div>
    </li>
  );
}

function Standing(): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  const found = useGrants();
  return (
    <Query of={found}>
      {(grants) => (
        <>
          <p>{say("overview/house")}</p>
          <GrantList of={grants} wanted={isOpen} empty={say("overview/nobody")} />
          {grants.every(isOpen) ? null : (
            <p>
              <Link to={mine("access")}>{say("overview/all_access")}</Link>
            </p>
          )}
        </>
      )}
    </Query>
  );
}

function Looked(): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const found = useDisclosures(90);
  const people = folded(found.data ?? [], me.person).people.slice(0, SHOWN);
  const names = useNames(people.map((each) => each.reader.organisation ?? ""));
  return (
    <Query of={found}>
      {() =>
        people.length === 0 ? (
          <Empty>{say("overview/nobody_looked")}</Empty>
        ) : (
          <ul className="lines">
            {people.map((each) => (
              <DisclosureLine key={each.lines[0] ?? each.time} of={each} names={names} />
            ))}
          </ul>
        )
      }
    </Query>
  );
}
