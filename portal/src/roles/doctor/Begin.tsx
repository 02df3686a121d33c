/** Beginning a visit that the desk has not begun: with the patient's card, signed by the doctor. */
import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { post } from "../../api";
import { CardField } from "../../components/CardField";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { usePath } from "../../language";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { toSign } from "./signing-key";
import { SignThen } from "./SignThen";
import { WAITING } from "./Waiting";
import { WithKey } from "./WithKey";

export default function Begin(): ReactNode {
  const say = useText("portal_doctor");
  return (
    <>
      <PageTitle tab={say("begin/title")}>{say("begin/title")}</PageTitle>
      <p>{say("begin/about")}</p>
      <WithKey>{(key) => <Steps by={key} />}</WithKey>
    </>
  );
}

function Steps({ by }: { by: DeviceKey }): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  const own = useOwn();
  const queries = useQueryClient();
  const { organisation } = own;
  const prepare = useMutation({
    mutationFn: async (body: { card: string }) => {
      const places = { path: { organisation } };
      const { person } = await post("/v1/organisations/{organisation}/persons/look-up", { ...places, body });
      const made = await post("/v1/organisations/{organisation}/encounters", {
        ...places,
        body: { person, team: [own.subject] },
      });
      const message = { type: "care.OpenEncounter", encounter: made.relation, terms: made.terms };
      return { person, bytes: toSign(by, own, message) };
    },
  });
  const [begun, setBegun] = useState<string>();
  if (begun !== undefined) {
    return (
      <div role="status">
        <p>{say("begin/done")}</p>
        <Button component={Link} to={path(`doctor/persons/${begun}`)} size="lg">
          {say("begin/open")}
        </Button>
      </div>
    );
  }
  if (prepare.data === undefined) {
    return (
      <>
        <div aria-live="polite">{prepare.isError ? <ProblemNotice error={prepare.error} /> : null}</div>
        <CardField busy={prepare.isPending} find={prepare.mutate} button={say("begin/go_on")} />
      </>
    );
  }
  const { person, bytes } = prepare.data;
  const signed = (): void => {
    void queries.invalidateQueries({ queryKey: [WAITING] });
    setBegun(person);
  };
  return <SignThen bytes={bytes} then={signed} leave={prepare.reset} />;
}
