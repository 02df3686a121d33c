/** As what somebody works at this moment: what the address says, else what it said last. */
import { useEffect } from "react";
import { matchPath, useLocation } from "react-router";

import { firstPage, type Role } from "../role";
import { ROLES } from "../routes";
import { type Who, WORKS } from "../who";

let last: string | undefined;

/** The roles that somebody signed in for, the most fitting first. */
export function workingRoles(who: Who | undefined): Role[] {
  const order = who?.roles ?? [];
  return order.flatMap((name) => ROLES.filter((role) => role.name === name && role.may(who)));
}

/** The roles whose pages are for everybody. */
export function commonRoles(who: Who | undefined): Role[] {
  return ROLES.filter((role) => !WORKS.some((each) => each === role.name) && role.may(who));
}

/** The page that somebody finds first after signing in; who works as nothing yet, their account. */
export function home(who: Who | undefined): string {
  const [first] = workingRoles(who);
  return first === undefined ? "account" : firstPage(first);
}

export function useWorking(roles: readonly Role[]): Role | undefined {
  const { pathname } = useLocation();
  const here = roles.find((role) =>
    role.pages.some((page) => matchPath(`/:language/${page.path}`, pathname) !== null),
  );
  useEffect(() => {
    if (here !== undefined) last = here.name;
  }, [here]);
  return here ?? roles.find((role) => role.name === last) ?? roles[0];
}
