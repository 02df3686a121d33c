/** Anything at all, as a list in lists: nothing of a record that we do not know is hidden. */
import type { ReactNode } from "react";

import { isObject, type Json } from "./fhir";

const DEEPEST = 12;

export function Tree({ of, depth = 0 }: { of: Json; depth?: number }): ReactNode {
  if (depth > DEEPEST) return "…";
  if (Array.isArray(of)) {
    return (
      <ul className="tree">
        {of.map((each, place) => (
          <li key={place}>
            <Tree of={each} depth={depth + 1} />
          </li>
        ))}
      </ul>
    );
  }
  if (!isObject(of)) return <span>{String(of)}</span>;
  return (
    <ul className="tree">
      {Object.entries(of).map(([name, value]) => (
        <li key={name}>
          <span translate="no">{named(name)}</span> <Tree of={value} depth={depth + 1} />
        </li>
      ))}
    </ul>
  );
}

/** `birthDate` is read more easily as `birth date`. */
function named(name: string): string {
  return `${name.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase()}:`;
}
