/** Somebody who acts for others: whom they act for, and the pages of each of these. */
import { createElement } from "react";

import type { PageModule, Role } from "../../role";
import { works } from "../../who";
import type { Power } from "../patient/acting";

type Load = () => Promise<PageModule>;

/** A page of a patient, shown for another person to who has these powers. */
function inWard(load: Load, ...powers: Power[]): Load {
  return async () => {
    const [{ Ward }, { default: Page }] = await Promise.all([import("./Ward"), load()]);
    return { default: () => createElement(Ward, { powers }, createElement(Page)) };
  };
}

export const role: Role = {
  name: "carer",
  may: works("carer"),
  navigation: [{ to: "care", label: "tab" }],
  pages: [
    { path: "care", load: () => import("./People") },
    { path: "care/:ward/overview", load: inWard(() => import("../patient/Overview")) },
    { path: "care/:ward/access", load: inWard(() => import("../patient/Access")) },
    { path: "care/:ward/share", load: inWard(() => import("../patient/Share"), "grant", "read") },
    { path: "care/:ward/readers", load: inWard(() => import("../patient/Looked"), "read") },
    { path: "care/:ward/records", load: inWard(() => import("./Records"), "read") },
    { path: "care/:ward/questions", load: inWard(() => import("../patient/Questions")) },
  ],
};
