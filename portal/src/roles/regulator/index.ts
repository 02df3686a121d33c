/** Who watches over the trade: what broke a rule, how far recalls are, where packs went. */
import type { Role } from "../../role";
import { works } from "../../who";

export const role: Role = {
  name: "regulator",
  may: works("regulator"),
  navigation: [{ to: "oversight/now", label: "navigation/now" }],
  pages: [
    { path: "oversight/now", load: () => import("./Now") },
    { path: "oversight/recalls/new", load: () => import("./RecallNew") },
    { path: "oversight/recalls/:id", load: () => import("./Recall") },
    { path: "oversight/trace", load: () => import("./Trace") },
    { path: "oversight/posts", load: () => import("./Posts") },
  ],
};
