/** Everybody, without signing in: look up what is on the chain, and check a pack. */
import type { Role } from "../../role";

export const role: Role = {
  name: "public",
  may: () => true,
  navigation: [
    { to: "scan", label: "navigation/scan" },
    { to: "explorer", label: "navigation/explorer" },
  ],
  pages: [
    { path: "", load: () => import("./Start") },
    { path: "help", load: () => import("./Help") },
    { path: "privacy", load: () => import("./Privacy") },
    { path: "scan", load: () => import("./scan/Scan") },
    { path: "open", load: () => import("./Open") },
    { path: "explorer", load: () => import("./explorer/Explorer") },
    { path: "explorer/blocks/:height", load: () => import("./explorer/Block") },
    { path: "explorer/transactions/:hash", load: () => import("./explorer/Transaction") },
    { path: "explorer/subjects/:id", load: () => import("./explorer/Subject") },
    { path: "explorer/products/:gtin", load: () => import("./explorer/Product") },
    { path: "explorer/grants/:id", load: () => import("./explorer/Grant") },
  ],
};
