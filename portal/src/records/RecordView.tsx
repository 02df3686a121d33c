/** One record, readable: what, when, its value with unit and usual range, and what belongs to it. */
import { Table, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { Facts } from "../components/Facts";
import { type Reading, reading, resourceOf } from "./fhir";
import { Tree } from "./Tree";
import { useRecordWords } from "./words";

interface Props {
  /** The record's exact text. */
  readonly content: string;
}

export function RecordView({ content }: Props): ReactNode {
  const { say } = useRecordWords();
  const resource = resourceOf(content);
  if (resource === undefined) {
    return <pre className="exact" tabIndex={0}>{content}</pre>;
  }
  const found = reading(resource);
  return (
    <>
      <Summary of={found} />
      <details open={!found.known}>
        <summary>{say("whole")}</summary>
        <Tree of={resource} />
      </details>
    </>
  );
}

function Summary({ of }: { of: Reading }): ReactNode {
  const { say, word, moment, type } = useRecordWords();
  const shown = { text: (value: string) => value, word, moment };
  return (
    <>
      <Facts
        of={[
          [say("rows/kind"), type(of.type)],
          [say("rows/when"), of.when === "" ? "" : moment(of.when)],
          [say("rows/value"), of.value === "" ? "" : <Value of={of} />],
          [say("rows/range"), of.range === "" ? "" : `${of.range} ${of.unit}`],
          ...of.rows.map((each) => [say(`rows/${each.name}`), shown[each.kind](each.value)] as const),
        ]}
      />
      {of.parts.length === 0 ? null : <Parts of={of.parts} />}
    </>
  );
}

const USUAL = new Set(["", "N"]);

/** A value with its unit; what is out of its range is said in words, not by colour alone. */
export function Value({ of }: { of: Reading }): ReactNode {
  const { word } = useRecordWords();
  return (
    <>
      <strong>{of.value}</strong> {of.unit}
      {USUAL.has(of.flag) ? null : (
        <Text component="span" fw={700} c="var(--red-ink)"> {word(of.flag)}</Text>
      )}
    </>
  );
}

function Parts({ of }: { of: readonly Reading[] }): ReactNode {
  const { say } = useRecordWords();
  return (
    <Table captionSide="top">
      <Table.Caption>{say("parts")}</Table.Caption>
      <Table.Thead>
        <Table.Tr>
          <Table.Th scope="col">{say("rows/kind")}</Table.Th>
          <Table.Th scope="col">{say("rows/value")}</Table.Th>
          <Table.Th scope="col">{say("rows/range")}</Table.Th>
        </Table.Tr>
      </Table.Thead>
      <Table.Tbody>
        {of.map((each, place) => (
          <Table.Tr key={place}>
            <Table.Th scope="row">{each.title}</Table.Th>
            <Table.Td>
              <Value of={each} />
            </Table.Td>
            <Table.Td>{each.range}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}
