/** A credential to show, print and hand on; the browser checks that the chain has it. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useParams } from "react-router";

import { get } from "../../api";
import { Facts } from "../../components/Facts";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { ShortId } from "../../components/ShortId";
import { useLanguage } from "../../language";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { day } from "../patient/words";
import { SubjectName } from "../../components/SubjectName";
import { type CredentialFile, useHouse } from "./calls";
import { factsOf, subjectOf } from "./credential-file";

export default function Credential(): ReactNode {
  const say = useText("portal_training");
  const organisation = useHouse();
  const credential = useParams()["credential"] ?? "";
  const found = useQuery({
    queryKey: ["training", organisation, "credential", credential],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/training/credentials/{credential}", {
        path: { organisation, credential }, signal,
      }),
    enabled: organisation !== "",
  });
  return (
    <>
      <PageTitle tab={say("credential/title")}>{say("credential/title")}</PageTitle>
      {organisation === "" ? <p>{say("quiz/sign_in")}</p> : (
        <Query of={found}>{(file) => <Shown of={file} name={credential} />}</Query>
      )}
    </>
  );
}

function Shown({ of, name }: { of: CredentialFile; name: string }): ReactNode {
  const say = useText("portal_training");
  const language = useLanguage();
  const facts = factsOf(of);
  const withdrawn = facts.withdrawal.value !== null;
  return (
    <>
      {withdrawn ? (
        <Alert color="red" variant="outline" role="alert">
          <Text component="p" fw={700}>{say("credentials/withdrawn")}</Text>
          <p>{say("credential/withdrawn_about")}</p>
        </Alert>
      ) : null}
      <Facts
        of={[
          [say("credential/course"), say(`courses/${facts.course}/title`)],
          [say("credential/day"), day(facts.issued, language)],
          [say("credential/band"), say("credential/percent", { band: facts.band })],
          [say("credential/version"), String(facts.version)],
          [say("credential/issuer"), <SubjectName key="issuer" id={facts.organisation} />],
          [say("credential/holder"), <ShortId key="holder" id={facts.subject} />],
        ]}
      />
      <p>{say("credential/recorded")}</p>
      <ProofBadge plain subject={subjectOf(facts.anchor)} />
      <p>{say(withdrawn ? "credential/ended" : "credential/not_ended")}</p>
      <ProofBadge plain subject={subjectOf(facts.withdrawal)} />
      <p>{say("credential/about")}</p>
      <Group>
        <Button size="lg" variant="outline" onClick={() => { save(of, name); }}>
          {say("credential/download")}
        </Button>
        <Button size="lg" variant="outline" onClick={() => { window.print(); }}>
          {say("credential/print")}
        </Button>
      </Group>
    </>
  );
}

/** Hands the file on, for `yilian training verify`. */
function save(file: CredentialFile, name: string): void {
  const link = document.createElement("a");
  const address = URL.createObjectURL(new Blob([JSON.stringify(file)], { type: "application/json" }));
  link.href = address;
  link.download = `training-${name}.json`;
  link.click();
  URL.revokeObjectURL(address);
}
