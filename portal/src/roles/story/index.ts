/** The demo's story, step by step; a node that no demo made has none. */
import type { Role } from "../../role";

export const role: Role = {
  name: "story",
  may: () => true,
  navigation: [],
  pages: [{ path: "story", load: () => import("./Story") }],
};
