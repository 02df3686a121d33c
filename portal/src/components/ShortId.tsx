/** A long id, shortened to look at; whole when copied out of the title, and for screen readers. */
import type { ReactNode } from "react";

const SHOWN = 8;

export function ShortId({ id }: { id: string }): ReactNode {
  return (
    <bdi className="id" title={id} translate="no">
      {id.length > SHOWN + 4 ? `${id.slice(0, SHOWN)}…` : id}
    </bdi>
  );
}
