/** Signing in, joining by an invitation, and one's own sessions: for everybody. */
import type { Role } from "../../role";

export const role: Role = {
  name: "account",
  may: () => true,
  navigation: [],
  pages: [
    { path: "sign-in", load: () => import("./SignIn") },
    { path: "join", load: () => import("./Join") },
    { path: "outside", load: () => import("./OutsideReturn") },
    { path: "account", load: () => import("./Account") },
  ],
};
