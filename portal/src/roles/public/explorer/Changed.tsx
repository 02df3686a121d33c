/** Before and after: the records a transaction changed, both sides proved in the browser. */
import { Button, Table } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { Query } from "../../../components/Query";
import { Empty } from "../../../components/Standing";
import type { EventLike } from "../../../events/EventSentence";
import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { changes, keysOf, type Pair, rows, type Side } from "./changed";

interface Props {
  readonly hash: string;
  readonly height: number;
  readonly events: readonly EventLike[];
}

export function Changed({ hash, height, events }: Props): ReactNode {
  const say = useText("portal_public");
  const [wanted, want] = useState(false);
  const found = useQuery({
    queryKey: ["changed", hash],
    queryFn: ({ signal }) => changes(events, height, signal),
    enabled: wanted,
  });
  if (keysOf(events).length === 0) return null;
  if (!wanted) {
    return (
      <Button variant="outline" mt="sm" onClick={() => { want(true); }}>
        {say("changed/show")}
      </Button>
    );
  }
  return (
    <Query of={found}>
      {({ kept, pairs, more }) => (
        <section aria-live="polite">
          {!kept && <p>{say("changed/not_kept")}</p>}
          {kept && pairs.length === 0 && <Empty>{say("changed/nothing")}</Empty>}
          {pairs.map((each) => (
            <Compared key={each.key} of={each} />
          ))}
          {more > 0 && <p>{say("changed/more", { count: more })}</p>}
        </section>
      )}
    </Query>
  );
}

function Compared({ of }: { of: Pair }): ReactNode {
  const say = useText("portal_public");
  const kind = say(`changed/kinds/${of.key.split("/").slice(0, 2).join("_")}`);
  return (
    <>
      <Table.ScrollContainer minWidth={280}>
        <Table captionSide="top" layout="fixed">
          <Table.Caption>{kind}</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{say("changed/field")}</Table.Th>
              <Table.Th scope="col">{say("changed/before")}</Table.Th>
              <Table.Th scope="col">{say("changed/after")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {rows(of.before.value, of.after.value).map((row) => (
              <Table.Tr key={row.field}>
                <Table.Th scope="row"><code>{row.field}</code></Table.Th>
                <Table.Td><Cell of={row.before} /></Table.Td>
                <Table.Td><Cell of={row.after} /></Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      <Proved of={of.before} at={of.key} name={say("changed/before")} />
      <Proved of={of.after} at={of.key} name={say("changed/after")} />
    </>
  );
}

function Cell({ of }: { of: unknown }): ReactNode {
  const say = useText("portal_public");
  if (of === undefined) return <span>{say("changed/none")}</span>;
  const text = typeof of === "string" ? of : JSON.stringify(of);
  return <code style={{ overflowWrap: "anywhere" }}>{text}</code>;
}

function Proved({ of, at, name }: { of: Side; at: string; name: string }): ReactNode {
  if (of.proof === null) return null;
  const { value, proof } = of;
  return (
    <div>
      <span>{name}: </span>
      <ProofBadge subject={{ kind: "state", key: at, value, proof }} />
    </div>
  );
}
