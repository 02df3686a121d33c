/** Writing something new into a record, during an open visit: what, the form, a look at it, recorded. */
import { Button, Radio, Stack } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { type Attended, useWaiting } from "./Waiting";
import { DraftsNotice } from "./writing/DraftsNotice";
import { MeasureForm } from "./writing/MeasureForm";
import { NoteForm } from "./writing/NoteForm";
import { PrescriptionForm } from "./writing/PrescriptionForm";
import { PressureForm } from "./writing/PressureForm";
import type { About } from "./writing/resources";
import { Review } from "./writing/Review";

const KINDS = ["laboratory", "pressure", "vital", "note", "prescription"] as const;
type Kind = (typeof KINDS)[number];

/** What was filled in: the resource's text, and what it says. */
export interface Filled {
  readonly content: string;
  readonly said: string;
}

export interface FormProps {
  readonly about: About;
  readonly done: (filled: Filled) => void;
}

export default function Write(): ReactNode {
  const say = useText("portal_doctor");
  const { person = "" } = useParams();
  const waiting = useWaiting();
  return (
    <>
      <PageTitle tab={say("write/title")}>{say("write/title")}</PageTitle>
      <DraftsNotice />
      <Query of={waiting}>
        {(persons) => {
          const found = persons.find((each) => each.person === person && each.relation.kind === "encounter");
          return found === undefined ? <NoVisit /> : <Writing of={found} />;
        }}
      </Query>
    </>
  );
}

function NoVisit(): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  return (
    <>
      <Empty>{say("write/no_visit")}</Empty>
      <Button component={Link} to={path("doctor/begin")} size="md">
        {say("begin/title")}
      </Button>
    </>
  );
}

function Writing({ of }: { of: Attended }): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const { subject } = useOwn();
  const [kind, setKind] = useState<Kind>();
  const [filled, setFilled] = useState<Filled>();
  const name = of.name ?? say("waiting/nameless");
  const about: About = { person: of.person, encounter: of.relation.relation, author: subject };
  const again = (): void => {
    setFilled(undefined);
    setKind(undefined);
  };
  return (
    <Stack gap="lg">
      <p>
        <strong>{say("write/for", { name })}</strong>
        {of.born === null ? null : <> · {say("waiting/born", { born: of.born })}</>}
      </p>
      {filled === undefined ? null : (
        <Review of={filled} about={about} name={name} change={() => { setFilled(undefined); }} again={again} />
      )}
      {/* What was typed stays while it is looked at. */}
      <div hidden={filled !== undefined}>
        <Radio.Group
          label={say("write/what")}
          value={kind ?? ""}
          onChange={(chosen) => {
            setKind(KINDS.find((each) => each === chosen));
          }}
        >
          <Stack gap="sm" mt="sm" mb="lg">
            {KINDS.map((each) => (
              <Radio key={each} value={each} label={say(`write/kinds/${each}`)} size="md" />
            ))}
          </Stack>
        </Radio.Group>
        {kind === undefined ? null : <Form key={kind} kind={kind} about={about} done={setFilled} />}
      </div>
      <p>
        <Link to={path(`doctor/persons/${of.person}`)}>{say("write/back")}</Link>
      </p>
    </Stack>
  );
}

function Form({ kind, ...props }: FormProps & { kind: Kind }): ReactNode {
  switch (kind) {
    case "pressure":
      return <PressureForm {...props} />;
    case "note":
      return <NoteForm {...props} />;
    case "prescription":
      return <PrescriptionForm {...props} />;
    default:
      return <MeasureForm group={kind} {...props} />;
  }
}
