/** Who keeps a node: is it well, who takes part, what is put to the vote, who asked for what. */
import type { Role } from "../../role";
import { works } from "../../who";

export const role: Role = {
  name: "operator",
  may: works("operator"),
  navigation: [
    { to: "operator/node", label: "navigation/node" },
    { to: "operator/proposals", label: "navigation/proposals" },
    { to: "operator/audit", label: "navigation/audit" },
    { to: "operator/invitations", label: "navigation/invitations" },
    { to: "operator/training", label: "navigation/training" },
  ],
  pages: [
    { path: "operator/node", load: () => import("./Node") },
    { path: "operator/members", load: () => import("./Members") },
    { path: "operator/proposals", load: () => import("./Proposals") },
    { path: "operator/proposals/:id", load: () => import("./Proposal") },
    { path: "operator/audit", load: () => import("./Audit") },
    { path: "operator/invitations", load: () => import("./Invitations") },
    { path: "operator/training", load: () => import("./Training") },
  ],
};
