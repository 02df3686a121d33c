/** Consent of somebody without a phone: chosen together, read aloud, heard by two, then recorded. */
import { Button, Group, Stack } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useNavigate, useParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { subjectQuery } from "../../components/SubjectName";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { CATEGORIES, useCategories } from "../doctor/categories";
import { Hospitals } from "../doctor/Hospitals";
import { type Draft, EMPTY, INSIDE, type Inside } from "../patient/draft";
import { ShareHow } from "../patient/ShareHow";
import { Choices, Single } from "./Choices";
import { ConsentAloud } from "./ConsentAloud";
import { type Entry, useEntry } from "./entry";

export default function Consent(): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const { person = "" } = useParams();
  const entry = useEntry(person);
  const subject = useQuery(subjectQuery(person));
  return (
    <>
      <PageTitle tab={say("consent/title")}>{say("consent/title")}</PageTitle>
      <p>{say("consent/about")}</p>
      <Query of={entry}>
        {(known) => (
          <>
            <p>
              <strong>{say("consent/of", { name: known.name })}</strong>
            </p>
            <Query of={subject}>
              {({ value }) => (value.custody === true ? <Steps of={known} /> : <p>{say("consent/own_key")}</p>)}
            </Query>
          </>
        )}
      </Query>
      <p>
        <Link to={path(`desk/persons/${person}`)}>{say("join/back")}</Link>
      </p>
    </>
  );
}

const SOME: readonly Inside[] = INSIDE.filter((each) => each !== "one");

function Steps({ of }: { of: Entry }): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const navigate = useNavigate();
  const word = useCategories();
  const patient = useText("portal_patient");
  const { organisation } = useOwn();
  const [draft, setDraft] = useState<Draft>(EMPTY);
  const [aloud, setAloud] = useState(false);
  const change = (more: Partial<Draft>): void => {
    setDraft({ ...draft, ...more });
  };
  const may =
    draft.grantee !== "" &&
    draft.inside !== undefined &&
    draft.categories.length > 0 &&
    draft.purpose !== undefined &&
    (draft.lasts !== "long" || draft.sure);
  if (aloud) {
    return (
      <ConsentAloud
        of={of}
        draft={draft}
        change={() => { setAloud(false); }}
        leave={() => void navigate(path(`desk/persons/${of.person}`))}
      />
    );
  }
  return (
    <Stack
      component="form"
      gap="lg"
      onSubmit={(event) => {
        event.preventDefault();
        if (may) setAloud(true);
      }}
    >
      <Hospitals value={draft.grantee} change={(grantee) => { change({ grantee }); }} without={organisation} />
      <Single
        label={patient("share/inside")}
        value={draft.inside ?? ""}
        change={(inside) => { change({ inside: SOME.find((each) => each === inside) }); }}
        of={SOME.map((each) => [each, patient(`share/insides/${each}`)])}
      />
      <Choices
        label={patient("share/what")}
        hint={patient("share/what_about")}
        value={draft.categories}
        change={(categories) => { change({ categories }); }}
        of={CATEGORIES.map((each) => [each, word(each)])}
      />
      <ShareHow draft={draft} change={change} />
      <div role="status">{may ? null : say("consent/missing")}</div>
      <Group>
        <Button type="submit" size="lg" disabled={!may}>{say("consent/look")}</Button>
      </Group>
    </Stack>
  );
}
