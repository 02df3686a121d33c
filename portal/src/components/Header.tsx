/** The top of every page: name, navigation, language, type size, help, who is signed in. */
import type { ReactNode } from "react";
import { Link, NavLink } from "react-router";

import { LANGUAGES, useLanguage, usePath, useSamePlace } from "../language";
import { type Role, textFile } from "../role";
import { ROLES } from "../routes";
import { useText } from "../text";
import { useWho } from "../who";
import { useSimple } from "./simple";

export function Header(): ReactNode {
  const say = useText();
  const path = usePath();
  const current = useWho();
  const [simple, setSimple] = useSimple();
  return (
    <header className="header">
      <Link to={path("")} className="name">
        {say("name")}
      </Link>
      <nav aria-label={say("navigation")}>
        <ul>
          {ROLES.filter((role) => role.may(current)).map((role) => (
            <Items key={role.name} role={role} />
          ))}
        </ul>
      </nav>
      <div className="tools">
        <button
          type="button"
          aria-pressed={simple}
          onClick={() => {
            setSimple(!simple);
          }}
        >
          {say("large_type")}
        </button>
        <LanguageSwitch />
        <Link to={path("help")}>{say("help")}</Link>
        <SignedIn />
      </div>
    </header>
  );
}

function Items({ role }: { role: Role }): ReactNode {
  const say = useText(textFile(role));
  const path = usePath();
  return role.navigation.map((each) => (
    <li key={each.to}>
      <NavLink to={path(each.to)}>{say(each.label)}</NavLink>
    </li>
  ));
}

/** Each language is named in itself, so that who reads no other finds it. */
function LanguageSwitch(): ReactNode {
  const say = useText();
  const language = useLanguage();
  const there = useSamePlace();
  return LANGUAGES.filter((each) => each !== language).map((each) => (
    <Link key={each} to={there(each)} lang={each} hrefLang={each}>
      {say(`languages/${each}`)}
    </Link>
  ));
}

function SignedIn(): ReactNode {
  const say = useText();
  const path = usePath();
  const current = useWho();
  const pages = ROLES.flatMap((role) => role.pages.map((page) => page.path));
  if (current === undefined) {
    return pages.includes("sign-in") ? <Link to={path("sign-in")}>{say("sign_in")}</Link> : null;
  }
  const shown = current.name ?? current.subject.slice(0, 8);
  const named = say(current.level === 2 ? "signed_in" : "second_factor", { name: shown });
  const page = current.level === 2 ? "account" : "sign-in";
  return pages.includes(page) ? <Link to={path(page)}>{named}</Link> : <span>{named}</span>;
}
