/** A table with a caption and head cells; on a narrow window each row is a small list of its own. */
import type { ReactNode } from "react";

import "./rows.css";

export interface Row {
  readonly key: string;
  /** As many as there are columns. */
  readonly cells: readonly ReactNode[];
}

interface Props {
  readonly caption: string;
  readonly columns: readonly string[];
  readonly of: readonly Row[];
}

/** The roles are written out, for a browser forgets them where the table is laid out as a list. */
export function Rows({ caption, columns, of }: Props): ReactNode {
  return (
    <table className="rows" role="table">
      <caption>{caption}</caption>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((each) => (
            <th key={each} scope="col" role="columnheader">
              {each}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {of.map((row) => (
          <tr key={row.key} role="row">
            {row.cells.map((cell, at) => (
              <td key={columns[at] ?? at} role="cell">
                <span className="rows-name" aria-hidden="true">
                  {columns[at]}
                </span>
                <div>{cell}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
