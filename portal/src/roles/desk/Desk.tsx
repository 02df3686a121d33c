/** The desk's first page: who stands before it? Found by card or by number, or enrolled. */
import { Button, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { Link, useNavigate } from "react-router";

import { post } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { usePath } from "../../language";
import { useText } from "../../text";
import { NumberFields } from "../../components/NumberFields";
import { NO_NUMBER, type Numbered } from "../../components/numbers";
import { useOwn } from "../../who";
import { useVisits } from "./visiting";

export default function Desk(): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const navigate = useNavigate();
  const { organisation } = useOwn();
  const find = useMutation({
    mutationFn: (body: (Numbered & { encounter: string | null }) | { card: string }) =>
      post("/v1/organisations/{organisation}/persons/look-up", { path: { organisation }, body }),
    onSuccess: ({ person }) => {
      void navigate(path(`desk/persons/${person}`));
    },
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

function ByCard({ busy, find }: Props<{ card: string }>): ReactNode {
  const say = useText("portal_desk");
  const [card, setCard] = useState("");
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    find({ card: card.trim() });
  };
  return (
    <>
      <h2>{say("find/by_card")}</h2>
      <form className="search" onSubmit={look}>
        <TextInput
          label={say("find/card")}
          description={say("find/reader")}
          size="lg"
          required
          maxLength={200}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={card}
          onChange={(event) => {
            setCard(event.currentTarget.value);
          }}
        />
        <Button type="submit" size="lg" loading={busy}>
          {say("find/find_card")}
        </Button>
      </form>
    </>
  );
}

/** A number finds somebody who is treated now, or anybody for a visit that goes on. */
function ByNumber({ busy, find }: Props<Numbered & { encounter: string | null }>): ReactNode {
  const say = useText("portal_desk");
  const visits = useVisits();
  const [whom, setWhom] = useState(NO_NUMBER);
  const [encounter, setEncounter] = useState("");
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    find({ ...whom, encounter: encounter === "" ? null : encounter });
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
