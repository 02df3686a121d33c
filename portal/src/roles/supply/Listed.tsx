/** A list of packs, lots or readings as a table, its columns named by the texts of one page. */
import type { ReactNode } from "react";

import { Rows } from "../../components/Rows";
import { useText } from "../../text";

interface Props {
  readonly caption: string;
  /** The page whose words `<page>/columns/<column>` are. */
  readonly page: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly ReactNode[])[];
}

export function Listed({ caption, page, columns, rows }: Props): ReactNode {
  const say = useText("portal_supply");
  if (rows.length === 0) return null;
  return (
    <Rows
      caption={caption}
      columns={columns.map((each) => say(`${page}/columns/${each}`))}
      of={rows.map((cells, at) => ({ key: String(at), cells }))}
    />
  );
}
