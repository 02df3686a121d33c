/** Text to be copied into a terminal or a message; it breaks anywhere, so that all of it is seen. */
import { Code } from "@mantine/core";
import type { ReactNode } from "react";

export function Command({ children }: { children: string }): ReactNode {
  return (
    <Code block translate="no" style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
      {children}
    </Code>
  );
}
