/** Who an id names: an organisation in full, anybody else by kind alone. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { Facts } from "../../../components/Facts";
import { PageTitle } from "../../../components/Page";
import { Query } from "../../../components/Query";
import { usePath } from "../../../language";
import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { About } from "./About";
import { SectionTitle } from "./SectionTitle";
import { type Subject, SubjectName, subjectQuery } from "../../../components/SubjectName";

export default function SubjectPage(): ReactNode {
  const id = useParams()["id"] ?? "";
  const found = useQuery(subjectQuery(id));
  return <Query of={found}>{(subject) => <Shown of={subject} />}</Query>;
}

function Shown({ of: subject }: { of: Subject }): ReactNode {
  const say = useText("portal_public");
  const values = useText("portal_values");
  const path = usePath();
  const { id, value } = subject;
  const kind = values(`words/${value.kind}`);
  if (value.kind === "person") {
    return (
      <>
        <PageTitle tab={kind}>{kind}</PageTitle>
        <p>{say("explorer/person")}</p>
      </>
    );
  }
  const name = value.name ?? kind;
  const home = value.organisation === id ? undefined : value.organisation;
  return (
    <>
      <PageTitle tab={name}>{name}</PageTitle>
      <Facts
        of={[
          [
            say("explorer/kind"),
            value.organisation_kind == null ? kind : values(`words/${value.organisation_kind}`),
          ],
          [
            say(value.kind === "organisation" ? "explorer/vouched_by" : "explorer/works_for"),
            home === undefined ? undefined : (
              <Link key="home" to={path(`explorer/subjects/${home}`)}>
                <SubjectName id={home} />
              </Link>
            ),
          ],
          [say("explorer/registration"), value.registration],
          [say("explorer/status"), values(`words/${value.status ?? "active"}`)],
          [say("explorer/since"), say("explorer/block", { height: value.since })],
          [say("explorer/number"), <code key="id">{id}</code>],
        ]}
      />
      <SectionTitle>{say("explorer/proof")}</SectionTitle>
      <ProofBadge
        subject={{ kind: "state", key: `identity/subject/${id}`, value }}
      />
      <About id={id} />
    </>
  );
}
