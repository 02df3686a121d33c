/** What was found: one goes straight there, several are listed, none is said. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { Link, useNavigate } from "react-router";

import { Query } from "../../../components/Query";
import { Loading } from "../../../components/Standing";
import { usePath } from "../../../language";
import { useText } from "../../../text";
import { find } from "./find";
import { SectionTitle } from "./SectionTitle";
import { SubjectName } from "../../../components/SubjectName";

export function Found({ wanted }: { wanted: string }): ReactNode {
  const path = usePath();
  const navigate = useNavigate();
  const found = useQuery({ queryKey: ["find", wanted], queryFn: () => find(wanted) });
  const only = found.data?.length === 1 ? found.data[0] : undefined;
  const target = only === undefined ? undefined : path(only);
  useEffect(() => {
    if (target !== undefined) {
      void navigate(target, { replace: true });
    }
  }, [target, navigate]);
  return (
    <Query of={found}>
      {(pages) => (pages.length === 1 ? <Loading /> : <Pages of={pages} wanted={wanted} />)}
    </Query>
  );
}

function Pages({ of, wanted }: { of: readonly string[]; wanted: string }): ReactNode {
  const say = useText("portal_public");
  const path = usePath();
  if (of.length === 0) {
    return (
      <div role="status">
        <SectionTitle>{say("explorer/nothing", { wanted })}</SectionTitle>
        <p>{say("explorer/nothing_next")}</p>
        <p>
          <Link to={path("explorer")}>{say("explorer/back")}</Link>
        </p>
      </div>
    );
  }
  return (
    <ul className="lines">
      {of.map((page) => (
        <li key={page}>
          <Link to={path(page)}>
            <SubjectName id={page.split("/").at(-1) ?? ""} />
          </Link>
        </li>
      ))}
    </ul>
  );
}
