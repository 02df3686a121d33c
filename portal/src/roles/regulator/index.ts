/** Who watches over the trade: what broke a rule, how far recalls are, where packs went. */
import type { Role } from "../../role";

export const role: Role = {
  name: "regulator",
  // Warnings and recalls are public; the node judges who may know more. So every organisation's
  // operator has these pages, and a regulator's sees more on them.
  may: (who) => who?.level === 2 && who.roles.includes("operator"),
  navigation: [{ to: "oversight/now", label: "navigation/now" }],
  pages: [
    { path: "oversight/now", load: () => import("./Now") },
    { path: "oversight/recalls/:id", load: () => import("./Recall") },
    { path: "oversight/trace", load: () => import("./Trace") },
  ],
};
