/** A pack, lot or case by the numbers that are printed on it. */
import type { ReactNode } from "react";

import { useText } from "../../text";
import { numbers } from "./tree";

const PARTS = ["serial", "lot", "sscc"] as const;

export function UnitName({ of }: { of: string }): ReactNode {
  const say = useText("portal_regulator");
  const found = numbers(of);
  const part = PARTS.find((each) => found[each] !== undefined);
  return (
    <bdi title={of}>
      {part === undefined ? <code>{of}</code> : say(`unit/${part}`, { number: found[part] ?? "" })}
    </bdi>
  );
}
