/** The audit trail: who did what, when, what for, and how it was answered. */
import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { get } from "../../api";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useText } from "../../text";
import { useWho } from "../../who";
import { AuditLines } from "./AuditLines";
import { FIELDS, queryOf, type Wanted, wantedOf, weekAgo } from "./wanted";

export default function Audit(): ReactNode {
  const say = useText("portal_operator");
  const organisation = useWho()?.organisation ?? "";
  const [search] = useSearchParams();
  const [first] = useState(() => weekAgo(Date.now()));
  const wanted = wantedOf(search, first);
  const query = queryOf(wanted);
  const found = useQuery({
    queryKey: ["operator", "audit", organisation, query],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/audit", { path: { organisation }, query, signal }),
  });
  return (
    <>
      <PageTitle tab={say("audit/title")}>{say("audit/title")}</PageTitle>
      <p>{say("audit/about")}</p>
      <Search key={search.toString()} wanted={wanted} />
      <Query of={found}>
        {(page) => (
          <>
            <AuditLines of={page.entries} organisation={organisation} />
            <Pages wanted={wanted} next={page.next ?? undefined} />
          </>
        )}
      </Query>
    </>
  );
}

function addressOf(wanted: Wanted, cursor: string): string {
  const search = new URLSearchParams();
  for (const name of FIELDS) {
    // An empty first day is said too: without one it would be a week ago.
    if (name === "from" || wanted[name] !== "") search.set(name, wanted[name]);
  }
  if (cursor !== "") search.set("cursor", cursor);
  return `?${search.toString()}`;
}

function Pages({ wanted, next }: { wanted: Wanted; next: string | undefined }): ReactNode {
  const say = useText("portal_operator");
  return (
    <nav aria-label={say("audit/pages")} className="lines">
      {wanted.cursor === "" ? null : (
        <Link to={addressOf(wanted, "")}>{say("audit/first_page")}</Link>
      )}{" "}
      {next === undefined ? null : <Link to={addressOf(wanted, next)}>{say("audit/next_page")}</Link>}
    </nav>
  );
}

function Search({ wanted }: { wanted: Wanted }): ReactNode {
  const say = useText("portal_operator");
  const [, setSearch] = useSearchParams();
  const [typed, setTyped] = useState(wanted);
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    setSearch(addressOf(typed, "").slice(1));
  };
  return (
    <form onSubmit={look} role="search" className="search">
      {FIELDS.map((name) => (
        <TextInput
          key={name}
          label={say(`audit/fields/${name}`)}
          name={name}
          type={name === "from" || name === "to" ? "date" : "text"}
          value={typed[name]}
          onChange={(event) => {
            setTyped({ ...typed, [name]: event.currentTarget.value });
          }}
          maxLength={128}
          autoComplete="off"
          spellCheck={false}
        />
      ))}
      <Button type="submit">{say("audit/look")}</Button>
    </form>
  );
}
