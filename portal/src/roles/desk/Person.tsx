/** A person at the desk: who it is, who treats them, the card, and the invitation to sign in. */
import { Button, Paper, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router";

import { type AnswerOf, get, post } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { Picture } from "./Picture";
import { Treated } from "./Treated";

type Entry = AnswerOf<"/v1/organisations/{organisation}/persons/{person}">;

export default function Person(): ReactNode {
  const say = useText("portal_desk");
  const { person = "" } = useParams();
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: ["desk-entry", organisation, person],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/persons/{person}", {
        path: { organisation, person },
        signal,
      }),
    gcTime: 0,
  });
  return (
    <>
      <PageTitle tab={say("person/title")}>{found.data?.name ?? say("person/title")}</PageTitle>
      <Query of={found}>
        {(entry) => (
          <Stack gap="lg">
            <Known of={entry} />
            <Treated person={person} />
            <Invite entry={entry} />
            <Card person={person} />
          </Stack>
        )}
      </Query>
    </>
  );
}

function Known({ of }: { of: Entry }): ReactNode {
  const say = useText("portal_desk");
  const shell = useText();
  return (
    <>
      {of.provisional ? <p>{say("person/provisional")}</p> : null}
      <Facts
        of={[
          [say("enrol/born"), of.born ?? ""],
          [say("enrol/language"), shell(`languages/${of.language}`)],
          [say("enrol/phone"), of.contacts.phone ?? ""],
          [say("enrol/email"), of.contacts.email ?? ""],
        ]}
      />
    </>
  );
}

function Invite({ entry }: { entry: Entry }): ReactNode {
  const say = useText("portal_desk");
  const { organisation } = useOwn();
  const invite = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/invitations", {
        path: { organisation },
        body: { subject: entry.person, language: entry.language },
      }),
  });
  return (
    <Paper component="section" withBorder p="md">
      <h2>{say("invite/title")}</h2>
      <p>{say("invite/about")}</p>
      {invite.data === undefined ? (
        <Button
          size="lg"
          variant="outline"
          loading={invite.isPending}
          onClick={() => {
            invite.mutate();
          }}
        >
          {say("invite/make")}
        </Button>
      ) : (
        <div role="status">
          <p>{say("invite/once")}</p>
          <Picture of={invite.data.qr} label={say("invite/qr")} />
          <p>
            <a href={invite.data.link} referrerPolicy="no-referrer">
              {say("invite/link")}
            </a>
          </p>
          <p>
            {say("invite/until")} <Moment at={invite.data.invitation.expires} />
          </p>
        </div>
      )}
      {invite.isError ? <ProblemNotice error={invite.error} /> : null}
    </Paper>
  );
}

function Card({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const { organisation } = useOwn();
  const issue = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/persons/{person}/cards", {
        path: { organisation, person },
      }),
  });
  return (
    <Paper component="section" withBorder p="md">
      <h2>{say("card/title")}</h2>
      <p>{say("card/about")}</p>
      {issue.data === undefined ? (
        <Button
          size="lg"
          variant="outline"
          loading={issue.isPending}
          onClick={() => {
            issue.mutate();
          }}
        >
          {say("card/make")}
        </Button>
      ) : (
        <div role="status">
          <p>{say("card/once")}</p>
          <Picture of={issue.data.qr} label={say("card/qr")} />
          <p>
            {say("card/text")} <code translate="no">{issue.data.text}</code>
          </p>
          <Button
            variant="outline"
            size="md"
            onClick={() => {
              window.print();
            }}
          >
            {say("card/print")}
          </Button>
        </div>
      )}
      {issue.isError ? <ProblemNotice error={issue.error} /> : null}
    </Paper>
  );
}
