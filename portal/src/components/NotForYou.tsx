/** In place of a page that is for others, or for who is signed in: why, and what next. */
import type { ReactNode } from "react";
import { Link } from "react-router";

import { usePath } from "../language";
import type { Role } from "../role";
import { useText } from "../text";
import { useWho } from "../who";
import { PageTitle } from "./Page";
import { home } from "./working";

export function NotForYou({ role }: { role: Role }): ReactNode {
  const who = useWho();
  if (who === undefined) return <Notice part="not_for_you" to="sign-in" />;
  if (who.level === 1) return <Notice part="not_yet" to="sign-in" />;
  return <NotYours role={role} />;
}

function Notice({ part, to }: { part: string; to: string }): ReactNode {
  const say = useText();
  const path = usePath();
  return (
    <>
      <PageTitle tab={say(`${part}/title`)}>{say(`${part}/title`)}</PageTitle>
      <p>{say(`${part}/detail`)}</p>
      <p>
        <Link to={path(to)}>{say(`${part}/next`)}</Link>
      </p>
    </>
  );
}

function NotYours({ role }: { role: Role }): ReactNode {
  const say = useText();
  const path = usePath();
  const who = useWho();
  return (
    <>
      <PageTitle tab={say("not_yours/title")}>{say("not_yours/title")}</PageTitle>
      <p>{say(`not_yours/for/${role.name}`)}</p>
      {who?.kind === "practitioner" ? <p>{say("not_yours/licence")}</p> : null}
      <p>
        <Link to={path(home(who))}>{say("not_yours/next")}</Link>
      </p>
    </>
  );
}
