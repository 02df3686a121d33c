/** A pharmacist's and a warehouse's work: scan a pack, do what is allowed, see what needs attention. */
import type { Role } from "../../role";
import { works } from "../../who";

export const role: Role = {
  name: "supply",
  may: works("supply"),
  navigation: [{ to: "supply", label: "navigation" }],
  pages: [
    { path: "supply", load: () => import("./Scan") },
    { path: "supply/incoming", load: () => import("./Incoming") },
    { path: "supply/stock", load: () => import("./Stock") },
    { path: "supply/alerts", load: () => import("./Alerts") },
    { path: "supply/recalls", load: () => import("./Recalls") },
    { path: "supply/recalls/:recall", load: () => import("./Recall") },
    { path: "supply/temperatures", load: () => import("./Temperatures") },
  ],
};
