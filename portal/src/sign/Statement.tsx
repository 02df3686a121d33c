/** One message in words, and its fields in full. */

import { Table, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { useText } from "../text";
import type { OpenedSaid } from "./opened";
import type { Detail, Sentence } from "./sentence";

/** Where terms are opened they come first: they are what the commitment in the sentence means. */
export function Statement({ sentence, opened }: {
  readonly sentence: Sentence;
  readonly opened: OpenedSaid | undefined;
}): ReactNode {
  const say = useText("portal_sign");
  const exactly = (
    <Text component="p" {...(opened === undefined ? { fw: 600 } : { size: "sm" })}>
      {sentence.parts.map((each, at) =>
        each.full === undefined
          ? <span key={at}>{each.text}</span>
          : <bdi key={at} title={each.full}>{each.text}</bdi>,
      )}
    </Text>
  );
  if (opened === undefined) return exactly;
  return (
    <>
      <Text component="p" fw={600}>{opened.sentence}</Text>
      <ul>{opened.lines.map((each) => <li key={each}>{each}</li>)}</ul>
      <Text component="p" size="sm">{say("commitment_fits")}</Text>
      {exactly}
    </>
  );
}

/** Fields as they stand in the bytes; spaces are kept, for they count. */
export function DetailTable({ caption, details }: {
  readonly caption: string;
  readonly details: readonly Detail[];
}): ReactNode {
  const say = useText("portal_sign");
  if (details.length === 0) return null;
  return (
    <Table captionSide="top" layout="fixed">
      <Table.Caption>{caption}</Table.Caption>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{say("detail")}</Table.Th>
          <Table.Th scope="col">{say("value")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {details.map((each) => (
          <Table.Tr key={each.place}>
            <Table.Th scope="row">{each.label}</Table.Th>
            <Table.Td style={{ whiteSpace: "pre-wrap", overflowWrap: "anywhere" }}>
              <bdi>{each.value}</bdi>
            </Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
