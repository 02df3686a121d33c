/** The frame of these pages: the head line, the way to the others, and what waits to be sent. */
import { Suspense, type ReactNode } from "react";
import { NavLink } from "react-router";

import { PageTitle } from "../../components/Page";
import { Loading } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { WaitingNotice } from "./WaitingNotice";
import "./supply.css";

const PAGES = {
  scan: "supply",
  incoming: "supply/incoming",
  stock: "supply/stock",
  alerts: "supply/alerts",
  recalls: "supply/recalls",
  temperatures: "supply/temperatures",
} as const;

interface Props {
  readonly page: keyof typeof PAGES;
  readonly children: ReactNode;
}

export function TradePage({ page, children }: Props): ReactNode {
  const say = useText("portal_supply");
  const path = usePath();
  const title = say(`${page}/title`);
  return (
    <>
      <PageTitle tab={title}>{title}</PageTitle>
      <nav aria-label={say("pages/name")} className="trade-pages">
        <ul>
          {Object.entries(PAGES).map(([name, to]) => (
            <li key={name}>
              <NavLink to={path(to)} end>
                {say(`pages/${name}`)}
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      <WaitingNotice />
      <Suspense fallback={<Loading />}>{children}</Suspense>
    </>
  );
}
