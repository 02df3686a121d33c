/** One stage of a page that goes on in steps: its head line takes the focus when it comes. */
import { Title } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";

export function Stage({ title, children }: { title: string; children: ReactNode }): ReactNode {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
  }, []);
  return (
    <section>
      <Title order={2} ref={head} tabIndex={-1}>
        {title}
      </Title>
      {children}
    </section>
  );
}
