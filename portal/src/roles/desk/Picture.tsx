/** A QR code as the node drew it. */
import type { ReactNode } from "react";

interface Props {
  readonly of: { readonly side: number; readonly path: string };
  readonly label: string;
}

export function Picture({ of, label }: Props): ReactNode {
  return (
    <svg
      viewBox={`0 0 ${of.side} ${of.side}`}
      width="260"
      height="260"
      role="img"
      aria-label={label}
      shapeRendering="crispEdges"
    >
      <rect width={of.side} height={of.side} fill="#fff" />
      <path d={of.path} fill="#000" />
    </svg>
  );
}
