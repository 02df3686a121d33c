/** Links inside lead nowhere: the lesson is told which one was followed. */
import type { MouseEvent, ReactNode } from "react";

interface Props {
  /** Told the last part of the link's address. */
  readonly onFollow?: (last: string) => void;
  readonly children: ReactNode;
}

export function InPlace({ onFollow, children }: Props): ReactNode {
  const follow = (event: MouseEvent): void => {
    const link = (event.target as Element).closest("a");
    if (link === null) return;
    event.preventDefault();
    onFollow?.(link.getAttribute("href")?.split("/").at(-1) ?? "");
  };
  return <div onClickCapture={follow}>{children}</div>;
}
