/** Says that something is recorded; read aloud when it appears. */
import { Alert, Text } from "@mantine/core";
import type { ReactNode } from "react";

export function Done({ title, children }: { title: string; children?: ReactNode }): ReactNode {
  return (
    <Alert color="green" variant="outline" role="status">
      <Text component="p" fw={700} c="var(--green-ink)">✓ {title}</Text>
      {children}
    </Alert>
  );
}
