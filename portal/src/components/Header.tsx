/** The top of every page: name, navigation, as what one works, language, type size, help, who one is. */
import {
  type KeyboardEvent,
  type ReactNode,
  Suspense,
  useEffect,
  useId,
  useRef,
  useState,
} from "react";
import { Link, NavLink, useLocation } from "react-router";

import { LANGUAGES, useLanguage, usePath, useSamePlace } from "../language";
import { firstPage, type Role, textFile } from "../role";
import { ROLES } from "../routes";
import { useText } from "../text";
import { useWho } from "../who";
import { useSimple } from "./simple";
import { commonRoles, useWorking, workingRoles } from "./working";

export function Header(): ReactNode {
  const say = useText();
  const path = usePath();
  const [simple, setSimple] = useSimple();
  return (
    <header className="header">
      <Link to={path("")} className="name">
        {say("name")}
      </Link>
      <Menu />
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

/** On a narrow window the navigation is folded away behind a button; on a wide one it is just there. */
function Menu(): ReactNode {
  const say = useText();
  const id = useId();
  const who = useWho();
  const place = useLocation().key;
  const button = useRef<HTMLButtonElement>(null);
  const [openAt, setOpenAt] = useState<string>();
  // Whoever has gone to another page has found what they opened the menu for.
  const open = openAt === place;
  const own = workingRoles(who);
  const now = useWorking(own);
  const close = (event: KeyboardEvent): void => {
    if (event.key !== "Escape" || !open) return;
    setOpenAt(undefined);
    button.current?.focus();
  };
  useCloseOutside(button, open, setOpenAt);
  return (
    <div className="menu" data-open={open} onKeyDown={close}>
      <button
        ref={button}
        type="button"
        className="menu-button"
        aria-expanded={open}
        aria-controls={id}
        onClick={() => {
          setOpenAt(open ? undefined : place);
        }}
      >
        {say("menu")}
      </button>
      <div id={id} className="menu-content">
        <nav aria-label={say("navigation")}>
          <ul>
            {[...commonRoles(who), ...(now === undefined ? [] : [now])].map((role) => (
              <Suspense key={role.name} fallback={null}>
                <Items role={role} />
              </Suspense>
            ))}
          </ul>
        </nav>
        {own.length > 1 ? <Switch roles={own} now={now} /> : null}
      </div>
    </div>
  );
}

function useCloseOutside(
  button: { readonly current: HTMLButtonElement | null },
  open: boolean,
  setOpenAt: (place: undefined) => void,
): void {
  useEffect(() => {
    if (!open) return;
    const outside = (event: Event): void => {
      const menu = button.current?.parentElement;
      if (event.target instanceof Node && menu?.contains(event.target) === false) {
        setOpenAt(undefined);
      }
    };
    document.addEventListener("pointerdown", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
    };
  }, [button, open, setOpenAt]);
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

/** Who works as several chooses here; the pages of the others are one step away. */
function Switch({ roles, now }: { roles: readonly Role[]; now: Role | undefined }): ReactNode {
  const say = useText();
  const path = usePath();
  return (
    <nav aria-label={say("work")} className="switch">
      <ul>
        {roles.map((role) => (
          <li key={role.name}>
            <Link
              to={path(firstPage(role))}
              {...(role === now ? { "aria-current": "true", className: "active" } : {})}
            >
              {say(`roles/${role.name}`)}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
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
