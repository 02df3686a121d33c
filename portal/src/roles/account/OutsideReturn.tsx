/** The page that people come back to from another's sign-in: it goes on by itself, or says why not. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { Link, useLocation, useNavigate } from "react-router";

import { PageTitle } from "../../components/Page";
import { Loading } from "../../components/Standing";
import { home } from "../../components/working";
import { usePath } from "../../language";
import { comeBack } from "../../session/outside";
import { useText } from "../../text";
import { useWho, who } from "../../who";
import { SteppedNotice } from "./SteppedNotice";

export default function OutsideReturn(): ReactNode {
  const say = useText("portal_outside");
  const navigate = useNavigate();
  const path = usePath();
  const { pathname, search } = useLocation();
  const signedIn = useWho() !== undefined;
  const [asked] = useState(() => new URLSearchParams(search));
  // It serves once: nothing may ask again by itself.
  const came = useQuery({
    queryKey: ["outside-return", asked.get("state")],
    queryFn: () => comeBack(asked),
    retry: false,
    staleTime: Infinity,
    refetchOnMount: false,
    refetchOnReconnect: false,
    refetchOnWindowFocus: false,
  });
  useEffect(() => {
    // What came back stands in no history and is copied by nobody.
    if (search !== "") void navigate(pathname, { replace: true });
  }, [navigate, pathname, search]);
  useEffect(() => {
    if (came.data === undefined) return;
    const { linked, signedIn: found } = came.data;
    const next = linked ? "account" : found.state === "in" ? home(who()) : "sign-in";
    void navigate(path(next), { replace: true });
  }, [came.data, navigate, path]);
  return (
    <>
      <PageTitle tab={say("return/title")}>{say("return/title")}</PageTitle>
      {came.error === null ? (
        <Loading />
      ) : (
        <>
          <SteppedNotice error={came.error} />
          <p>
            <Link to={path(signedIn ? "account" : "sign-in")}>
              {say(signedIn ? "return/account" : "return/again")}
            </Link>
          </p>
        </>
      )}
    </>
  );
}
