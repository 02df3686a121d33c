/** Doctors and nurses: who waits, their records here and elsewhere, emergencies and their review. */
import type { Role } from "../../role";
import { works } from "../../who";

export const role: Role = {
  name: "doctor",
  may: works("doctor"),
  navigation: [
    { to: "doctor", label: "navigation/waiting" },
    { to: "doctor/elsewhere", label: "navigation/elsewhere" },
    { to: "doctor/emergency", label: "navigation/emergency" },
    { to: "doctor/reviews", label: "navigation/reviews" },
  ],
  pages: [
    { path: "doctor", load: () => import("./Waiting") },
    { path: "doctor/persons/:person", load: () => import("./Record") },
    { path: "doctor/persons/:person/write", load: () => import("./Write") },
    { path: "doctor/persons/:person/end", load: () => import("./End") },
    { path: "doctor/begin", load: () => import("./Begin") },
    { path: "doctor/elsewhere", load: () => import("./Elsewhere") },
    { path: "doctor/ask", load: () => import("./Ask") },
    { path: "doctor/emergency", load: () => import("./Emergency") },
    { path: "doctor/reviews", load: () => import("./Reviews") },
    { path: "doctor/key", load: () => import("./Key") },
  ],
};
