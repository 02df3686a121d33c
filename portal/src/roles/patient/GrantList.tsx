/** Permissions below one another. One that is being stopped stays until the answer was read. */
import { type ReactNode, useState } from "react";

import { Empty } from "../../components/Standing";
import { GrantLine } from "./GrantLine";
import { lastRead } from "./looking";
import { type PersonGrant, useDisclosures } from "./reading";

interface Props {
  readonly of: readonly PersonGrant[];
  readonly wanted: (grant: PersonGrant) => boolean;
  readonly empty: string;
}

export function isOpen(grant: PersonGrant): boolean {
  return grant.status === "standing" || grant.status === "waiting";
}

export function GrantList({ of, wanted, empty }: Props): ReactNode {
  const looked = useDisclosures(90).data ?? [];
  const [touched, touch] = useState<readonly string[]>([]);
  const shown = of.filter((each) => wanted(each) || touched.includes(each.grant));
  if (shown.length === 0) return <Empty>{empty}</Empty>;
  return (
    <ul className="lines">
      {shown.map((each) => (
        <GrantLine
          key={each.grant}
          of={each}
          read={lastRead(each.grant, looked)}
          onBegin={() => { touch([...touched, each.grant]); }}
        />
      ))}
    </ul>
  );
}
