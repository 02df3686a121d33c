/** Pages for what went wrong on the way to a page. */
import { type ReactNode, useEffect } from "react";
import { isRouteErrorResponse, Link, useRouteError } from "react-router";

import { usePath } from "../language";
import { useText } from "../text";
import { PageTitle } from "./Page";
import { ProblemNotice } from "./ProblemNotice";
import { Frame } from "./Shell";

export function NotFound(): ReactNode {
  const say = useText();
  const path = usePath();
  return (
    <>
      <PageTitle tab={say("not_found/title")}>{say("not_found/title")}</PageTitle>
      <p>{say("not_found/detail")}</p>
      <p>
        <Link to={path("")}>{say("not_found/next")}</Link>
      </p>
    </>
  );
}

/** A page that broke does not take the frame and the others with it. */
export function Broken(): ReactNode {
  const say = useText();
  const error = useRouteError();
  const missing = isRouteErrorResponse(error) && error.status === 404;
  useEffect(() => {
    document.title = say("tab", { page: say(missing ? "not_found/title" : "broken") });
  });
  if (missing) {
    return <NotFound />;
  }
  return (
    <ProblemNotice
      error={error}
      retry={() => {
        window.location.reload();
      }}
    />
  );
}

export function FramedBroken(): ReactNode {
  return (
    <Frame>
      <Broken />
    </Frame>
  );
}
