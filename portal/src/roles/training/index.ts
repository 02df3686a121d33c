/** Learning by doing, with made-up people and packs; a quiz, and a credential for passing it. */
import type { Role } from "../../role";

export const role: Role = {
  name: "training",
  may: () => true,
  navigation: [{ to: "training", label: "navigation" }],
  pages: [
    { path: "training", load: () => import("./Training") },
    { path: "training/courses/:course", load: () => import("./Course") },
    { path: "training/courses/:course/quiz", load: () => import("./Quiz") },
    { path: "training/courses/:course/:lesson", load: () => import("./Lesson") },
    { path: "training/credentials/:credential", load: () => import("./Credential") },
  ],
};
