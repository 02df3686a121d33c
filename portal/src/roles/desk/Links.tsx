/** Which registrations are held to be this same person; and taking that back. */
import { Button, Group, Paper } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, get, post } from "../../api";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { ShortId } from "../../components/ShortId";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { useEntry } from "./entry";
import { Receipt } from "./Receipt";
import { useStaff } from "./staff";
import { StaffChoice } from "./StaffChoice";

const ROUTE = "/v1/organisations/{organisation}/persons/{person}/links";
export const LINKS = "links";

type Line = AnswerOf<typeof ROUTE>["links"][number];

export function Links({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const path = usePath();
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: [LINKS, organisation, person],
    queryFn: ({ signal }) => get(ROUTE, { path: { organisation, person }, signal }),
  });
  return (
    <Paper component="section" withBorder p="md">
      <h2>{say("links/title")}</h2>
      <p>{say("links/about")}</p>
      <Query of={found}>
        {({ links }) =>
          links.length === 0 ? (
            <p>{say("links/none")}</p>
          ) : (
            <ul className="lines" aria-label={say("links/title")}>
              {links.map((each) => (
                <li key={each.terms.link}>
                  <One of={each} person={person} />
                </li>
              ))}
            </ul>
          )
        }
      </Query>
      <Button component={Link} to={path(`desk/persons/${person}/link`)} variant="outline" size="lg" mt="sm">
        {say("links/begin")}
      </Button>
    </Paper>
  );
}

function One({ of, person }: { of: Line; person: string }): ReactNode {
  const say = useText("portal_desk");
  const staff = useStaff();
  const { kept, other, ground, witness, time } = of.terms;
  return (
    <>
      <Named person={kept === person ? other : kept} />
      <span className="beside">
        {say(`links/grounds/${ground}`)} · {say("links/by")} {staff.name(witness) ?? <ShortId id={witness} />} ·{" "}
        <Moment at={time} />
      </span>
      {of.ended === null ? (
        <Undo link={of.terms.link} person={person} />
      ) : (
        <span className="beside">
          {say("links/ended")} <Moment at={of.ended} />
        </span>
      )}
    </>
  );
}

/** A registration by its name, where this desk has it. */
export function Named({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const { data } = useEntry(person);
  if (data === undefined) return <ShortId id={person} />;
  return (
    <>
      <strong translate="no">{data.name}</strong>
      {data.born == null ? null : <> · {say("links/born", { born: data.born })}</>}
      {data.provisional ? <> · {say("person/provisional")}</> : null}
    </>
  );
}

/** Who says that it was a mistake is named, and asked twice. */
function Undo({ link, person }: { link: string; person: string }): ReactNode {
  const say = useText("portal_desk");
  const queries = useQueryClient();
  const staff = useStaff();
  const { organisation } = useOwn();
  const [open, setOpen] = useState(false);
  const [witness, setWitness] = useState("");
  const end = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/links/{link}/end", {
        path: { organisation, link },
        body: { witness },
      }),
  });
  if (end.data !== undefined) {
    return (
      <>
        <Receipt
          title={say("links/undone")}
          facts={[[say("links/by"), staff.name(witness) ?? ""]]}
          transaction={end.data.transaction}
          height={end.data.height}
        />
        <Button
          variant="outline"
          size="md"
          onClick={() => void queries.invalidateQueries({ queryKey: [LINKS, organisation, person] })}
        >
          {say("receipt/go_on")}
        </Button>
      </>
    );
  }
  if (!open) {
    return (
      <div>
        <Button variant="outline" size="md" onClick={() => { setOpen(true); }}>
          {say("links/undo")}
        </Button>
      </div>
    );
  }
  return (
    <>
      <p>{say("links/undo_about")}</p>
      <StaffChoice label={say("links/undo_by")} value={witness} change={setWitness} />
      <div aria-live="polite">{end.isError ? <ProblemNotice error={end.error} /> : null}</div>
      <Group>
        <Button variant="outline" size="md" onClick={() => { setOpen(false); }}>
          {say("links/keep")}
        </Button>
        <Button
          variant="outline"
          size="md"
          disabled={witness === ""}
          loading={end.isPending}
          onClick={() => { end.mutate(); }}
        >
          {say("links/undo_now")}
        </Button>
      </Group>
    </>
  );
}
