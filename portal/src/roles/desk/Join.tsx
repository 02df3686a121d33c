/** Saying that two registrations are one person: find the other, say why and who saw it, confirm. */
import { Button, Group, NativeSelect, Paper, Radio, Stack, Text } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link, useParams } from "react-router";

import { post } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { ByCard, ByNumber } from "./Desk";
import { type Entry, useEntry } from "./entry";
import { useFind } from "./finding";
import { LINKS, Named } from "./Links";
import { Receipt } from "./Receipt";
import { useStaff } from "./staff";
import { StaffChoice } from "./StaffChoice";
import { useVisits } from "./visiting";

const GROUNDS = ["document", "card", "provisional", "duplicate", "statement"] as const;
type Ground = (typeof GROUNDS)[number];

export default function Join(): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const { person = "" } = useParams();
  const [other, setOther] = useState("");
  const kept = useEntry(person);
  return (
    <>
      <PageTitle tab={say("join/title")}>{say("join/title")}</PageTitle>
      <p>{say("join/about")}</p>
      <Query of={kept}>
        {(entry) => (
          <Stack gap="lg">
            <p>
              {say("join/kept")} <Named person={entry.person} />
            </p>
            {other === "" ? (
              <Other without={entry.person} found={setOther} />
            ) : (
              <Confirm key={other} kept={entry} other={other} back={() => { setOther(""); }} />
            )}
          </Stack>
        )}
      </Query>
      <p>
        <Link to={path(`desk/persons/${person}`)}>{say("join/back")}</Link>
      </p>
    </>
  );
}

function Other({ without, found }: { without: string; found: (person: string) => void }): ReactNode {
  const say = useText("portal_desk");
  const find = useFind(found);
  const [visiting, setVisiting] = useState("");
  const visits = (useVisits().data ?? []).filter((each) => each.person !== without);
  return (
    <section aria-label={say("join/other")}>
      <h2>{say("join/other")}</h2>
      <div aria-live="polite">{find.isError ? <ProblemNotice error={find.error} /> : null}</div>
      {visits.length === 0 ? null : (
        <Group align="flex-end">
          <NativeSelect
            label={say("join/visiting")}
            size="md"
            value={visiting}
            onChange={(event) => {
              setVisiting(event.currentTarget.value);
            }}
            data={[
              { value: "", label: say("choose") },
              ...visits.map((each) => ({ value: each.person, label: each.name ?? say("visits/nameless") })),
            ]}
          />
          <Button size="md" variant="outline" disabled={visiting === ""} onClick={() => { found(visiting); }}>
            {say("join/this")}
          </Button>
        </Group>
      )}
      <ByCard busy={find.isPending} find={find.mutate} />
      <ByNumber busy={find.isPending} find={find.mutate} />
    </section>
  );
}

interface ConfirmProps {
  readonly kept: Entry;
  readonly other: string;
  readonly back: () => void;
}

function Confirm({ kept, other, back }: ConfirmProps): ReactNode {
  const say = useText("portal_desk");
  const queries = useQueryClient();
  const staff = useStaff();
  const { organisation } = useOwn();
  const found = useEntry(other);
  const [ground, setGround] = useState<Ground>();
  const [witness, setWitness] = useState("");
  const join = useMutation({
    mutationFn: (why: Ground) =>
      post("/v1/organisations/{organisation}/links", {
        path: { organisation },
        body: { kept: kept.person, other, ground: why, witness },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: [LINKS, organisation] }),
  });
  const names = { kept: kept.name, other: found.data?.name ?? "" };
  if (join.data !== undefined && ground !== undefined) {
    return (
      <Receipt
        title={say("join/done")}
        facts={[
          [say("join/what"), say("join/said", names)],
          [say("join/ground"), say(`links/grounds/${ground}`)],
          [say("links/by"), staff.name(witness) ?? ""],
        ]}
        transaction={join.data.transaction}
        height={join.data.height}
      />
    );
  }
  return (
    <Query of={found}>
      {() => (
        <Paper component="section" withBorder p="md" aria-label={say("join/look")}>
          <Stack gap="md">
            <h2>{say("join/look")}</h2>
            <p><Named person={kept.person} /></p>
            <p><Named person={other} /></p>
            <Radio.Group
              label={say("join/ground")}
              value={ground ?? ""}
              onChange={(chosen) => {
                setGround(GROUNDS.find((each) => each === chosen));
              }}
            >
              <Stack gap="sm" mt="sm">
                {GROUNDS.map((each) => (
                  <Radio key={each} value={each} label={say(`links/grounds/${each}`)} size="md" />
                ))}
              </Stack>
            </Radio.Group>
            <StaffChoice label={say("join/witness")} hint={say("join/witness_about")} value={witness} change={setWitness} />
            {ground === undefined || witness === "" ? null : (
              <Text component="p" fw={700} size="lg">{say("join/said", names)}</Text>
            )}
            <p>{say("join/after")}</p>
            <div aria-live="polite">{join.isError ? <ProblemNotice error={join.error} /> : null}</div>
            <Group grow preventGrowOverflow={false}>
              <Button size="lg" variant="outline" onClick={back}>{say("join/differ")}</Button>
              <Button
                size="lg"
                variant="outline"
                disabled={ground === undefined || witness === ""}
                loading={join.isPending}
                onClick={() => {
                  if (ground !== undefined) join.mutate(ground);
                }}
              >
                {say("join/same")}
              </Button>
            </Group>
          </Stack>
        </Paper>
      )}
    </Query>
  );
}
