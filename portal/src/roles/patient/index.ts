/** A person and their own record: what is new, who may see it, who looked. */
import type { Role } from "../../role";
import { works } from "../../who";

export const role: Role = {
  name: "patient",
  may: works("patient"),
  navigation: [
    { to: "my/overview", label: "overview/tab" },
    { to: "my/share", label: "share/tab" },
    { to: "my/readers", label: "looked/tab" },
    { to: "my/records", label: "records/tab" },
    { to: "my/data", label: "data/tab" },
  ],
  pages: [
    { path: "my/overview", load: () => import("./Overview") },
    { path: "my/share", load: () => import("./Share") },
    { path: "my/access", load: () => import("./Access") },
    { path: "my/readers", load: () => import("./Looked") },
    { path: "my/records", load: () => import("./Records") },
    { path: "my/questions", load: () => import("./Questions") },
    { path: "my/data", load: () => import("./Data") },
    { path: "my/links", load: () => import("./Links") },
    { path: "my/device", load: () => import("./Device") },
    { path: "my/reading", load: () => import("./ReadingKey") },
    { path: "my/carers", load: () => import("./Carers") },
    { path: "my/carer-code", load: () => import("./CarerCode") },
    { path: "my/guardians", load: () => import("../../guardians/Guardians") },
    { path: "my/guarding", load: () => import("../../guardians/Guarding") },
    { path: "my/new-key", load: () => import("../../guardians/NewKey") },
    { path: "my/erasure", load: () => import("./Erasure") },
  ],
};
