/** The registration desk: find or enrol a person, invite them, and say who treats them. */
import type { Role } from "../../role";
import { works } from "../../who";

export const role: Role = {
  name: "desk",
  may: works("desk"),
  navigation: [
    { to: "desk", label: "navigation/find" },
    { to: "desk/enrol", label: "navigation/enrol" },
    { to: "desk/visits", label: "navigation/visits" },
  ],
  pages: [
    { path: "desk", load: () => import("./Desk") },
    { path: "desk/enrol", load: () => import("./Enrol") },
    { path: "desk/visits", load: () => import("./Visits") },
    { path: "desk/persons/:person", load: () => import("./Person") },
    { path: "desk/persons/:person/link", load: () => import("./Join") },
    { path: "desk/persons/:person/consent", load: () => import("./Consent") },
  ],
};
