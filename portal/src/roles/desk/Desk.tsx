/** The desk's first page: who stands before it? Found by card or by number, or enrolled. */
import { Button, NativeSelect, Stack } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { Link, useNavigate } from "react-router";

import { CardField } from "../../components/CardField";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { usePath } from "../../language";
import { useText } from "../../text";
import { NumberFields } from "../../components/NumberFields";
import { NO_NUMBER } from "../../components/numbers";
import { useFind, type Whom } from "./finding";
import { useVisits } from "./visiting";

export default function Desk(): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const navigate = useNavigate();
  const find = useFind((person) => {
    void navigate(path(`desk/persons/${person}`));
  });
  return (
    <>
      <PageTitle tab={say("find/title")}>{say("find/title")}</PageTitle>
      <div aria-live="polite">{find.isError ? <ProblemNotice error={find.error} /> : null}</div>
      <ByCard busy={find.isPending} find={find.mutate} />
      <ByNumber busy={find.isPending} find={find.mutate} />
      <h2>{say("find/not_found")}</h2>
      <Button component={Link} to={path("desk/enrol")} variant="outline" size="lg">
        {say("find/enrol")}
      </Button>
    </>
  );
}

interface Props<T> {
  readonly busy: boolean;
  readonly find: (whom: T) => void;
}

export function ByCard({ busy, find }: Props<{ card: string }>): ReactNode {
  const say = useText("portal_desk");
  return (
    <>
      <h2>{say("find/by_card")}</h2>
      <CardField busy={busy} find={find} button={say("find/find_card")} />
    </>
  );
}

/** A number finds who stands here, which is noted; or anybody, for a visit that goes on. */
export function ByNumber({ busy, find }: Props<Whom>): ReactNode {
  const say = useText("portal_desk");
  const visits = useVisits();
  const [whom, setWhom] = useState(NO_NUMBER);
  const [encounter, setEncounter] = useState("");
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    find(encounter === "" ? { ...whom, reason: "registration" } : { ...whom, encounter });
  };
  const going = (visits.data ?? []).filter((each) => each.relation.kind === "encounter");
  return (
    <>
      <h2>{say("find/by_number")}</h2>
      <p>{say("find/number_only")}</p>
      <Stack component="form" gap="sm" onSubmit={look}>
        <NumberFields value={whom} change={setWhom} />
        <NativeSelect
          label={say("find/visit")}
          size="md"
          value={encounter}
          onChange={(event) => {
            setEncounter(event.currentTarget.value);
          }}
          data={[
            { value: "", label: say("find/own_visit") },
            ...going.map((each) => ({
              value: each.relation.relation,
              label: each.name ?? say("visits/nameless"),
            })),
          ]}
        />
        <Button type="submit" size="lg" loading={busy}>
          {say("find/find_number")}
        </Button>
      </Stack>
    </>
  );
}
