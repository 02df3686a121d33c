/** A person at the desk: who it is, who treats them, the card, and the invitation to sign in. */
import { Button, Paper, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { post } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { Cards } from "./Cards";
import { type Entry, useEntry } from "./entry";
import { Links } from "./Links";
import { Picture } from "./Picture";
import { Treated } from "./Treated";

export default function Person(): ReactNode {
  const say = useText("portal_desk");
  const { person = "" } = useParams();
  const found = useEntry(person);
  return (
    <>
      <PageTitle tab={say("person/title")}>{found.data?.name ?? say("person/title")}</PageTitle>
      <Query of={found}>
        {(entry) => (
          <Stack gap="lg">
            <Known of={entry} />
            <Treated person={person} />
            <Consent person={person} />
            <Links person={person} />
            <Invite entry={entry} />
            <Cards person={person} />
          </Stack>
        )}
      </Query>
    </>
  );
}

export function Known({ of }: { of: Entry }): ReactNode {
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

export function Invite({ entry }: { entry: Entry }): ReactNode {
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

function Consent({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  return (
    <Paper component="section" withBorder p="md">
      <h2>{say("consent/title")}</h2>
      <p>{say("consent/about")}</p>
      <Button component={Link} to={path(`desk/persons/${person}/consent`)} variant="outline" size="lg">
        {say("consent/begin")}
      </Button>
    </Paper>
  );
}
