/** What is kept about whom. The plain page without script has the same words. */
import type { ReactNode } from "react";

import { Sections } from "./Sections";

export default function Privacy(): ReactNode {
  return <Sections of="privacy" sections={["ledger", "browser", "node", "trial"]} />;
}
