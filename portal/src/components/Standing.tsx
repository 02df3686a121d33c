/** What stands where there is nothing to show yet, or at all. */
import { Loader, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { useText } from "../text";

/** Said to screen readers as well; shown as dots that stand still where motion is not wanted. */
export function Loading(): ReactNode {
  const say = useText();
  return (
    <p role="status" className="standing">
      <Loader type="dots" size="sm" aria-hidden="true" /> {say("loading")}
    </p>
  );
}

export function Empty({ children }: { children?: ReactNode }): ReactNode {
  const say = useText();
  return (
    <Text component="p" className="standing" c="dimmed">
      {children ?? say("empty")}
    </Text>
  );
}
