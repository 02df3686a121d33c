/** The head line of a part of a page. */
import { Title } from "@mantine/core";
import type { ReactNode } from "react";

export function SectionTitle({ children }: { children: ReactNode }): ReactNode {
  return (
    <Title order={2} mt="xl" mb="xs">
      {children}
    </Title>
  );
}
