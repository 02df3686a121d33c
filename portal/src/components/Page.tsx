/** A page's head line: it names the tab, and takes the focus when somebody comes from another page. */
import { Title } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import { useLocation } from "react-router";

import { useText } from "../text";

let shown: string | undefined;

export function PageTitle({ children, tab }: { children: ReactNode; tab: string }): ReactNode {
  const say = useText();
  const place = useLocation().pathname.replace(/^\/[^/]+/, "");
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = say("tab", { page: tab });
  });
  useEffect(() => {
    if (shown !== undefined && shown !== place) {
      head.current?.focus();
    }
    shown = place;
  }, [place]);
  return (
    <Title order={1} ref={head} tabIndex={-1} className="page-title">
      {children}
    </Title>
  );
}
