/** Help: the same page, at the same place, from everywhere. */
import type { ReactNode } from "react";

import { Sections } from "./Sections";

export default function Help(): ReactNode {
  return <Sections of="help" sections={["scan", "explorer", "refused", "no_script", "ask"]} />;
}
