/** A verdict by word, mark and colour together; what to do; then how the pack came here. */
import { Table, Title } from "@mantine/core";
import type { ReactNode } from "react";

import type { AnswerOf } from "../../../api";
import { Facts } from "../../../components/Facts";
import { useKnows, useText } from "../../../text";

type Pack = Extract<AnswerOf<"/v1/supply/scan">, object>;

const MARKS = { green: "✓", blue: "ℹ", amber: "!", red: "✕", grey: "?" } as const;

export function Verdict({ of: pack }: { of: Pack }): ReactNode {
  const say = useText("scan");
  const recall = pack.recall ?? undefined;
  const unknown = say("page/unknown");
  return (
    <>
      <section className={`verdict tone-${pack.colour}`}>
        <Title order={2}>
          <span aria-hidden="true">{MARKS[pack.colour]}</span>
          {pack.title}
        </Title>
        <p>{pack.why}</p>
        <p>
          <strong>{pack.do}</strong>
        </p>
      </section>
      <Facts
        of={[
          [say("page/product"), <Named key="product" name={`${pack.product} (${pack.gtin})`} />],
          [say("page/maker"), <Named key="maker" name={pack.maker} />],
          [say("page/serial"), pack.serial === "" ? unknown : pack.serial],
          [say("page/lot"), pack.lot === "" ? unknown : pack.lot],
          [say("page/expiry"), pack.expiry === "" ? unknown : pack.expiry],
          [
            say("page/recall"),
            recall === undefined
              ? undefined
              : `${say("page/recall_grade", { grade: recall.grade })}: ${say(`recall/${recall.reason}`)}`,
          ],
        ]}
      />
      <Way of={pack} />
      <Temperature of={pack} />
    </>
  );
}

/** A name stands as it was given, in whatever language that was. */
function Named({ name }: { name: string }): ReactNode {
  return <bdi translate="no">{name}</bdi>;
}

function Way({ of: pack }: { of: Pack }): ReactNode {
  const say = useText("scan");
  const knows = useKnows("scan");
  const route = pack.route ?? [];
  if (route.length === 0) {
    return null;
  }
  const named = (kind: "step" | "party", word: string): string =>
    say(knows(`${kind}/${word}`) ? `${kind}/${word}` : `${kind}/other`);
  return (
    <>
      <Title order={2} mt="lg" mb="xs" id="way">
        {say("page/route")}
      </Title>
      <Table aria-labelledby="way">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{say("page/day")}</Table.Th>
            <Table.Th>{say("page/step")}</Table.Th>
            <Table.Th>{say("page/party")}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {route.map((each, at) => (
            <Table.Tr key={at}>
              <Table.Td>{each.day}</Table.Td>
              <Table.Td>{named("step", each.step)}</Table.Td>
              <Table.Td>
                {named("party", each.party)}
                {(each.name ?? "") === "" ? null : (
                  <>
                    {": "}
                    <Named name={each.name ?? ""} />
                  </>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </>
  );
}

/** Hundredths of a degree with one decimal, half away from zero, as the page without script has it. */
function degrees(hundredths: number): string {
  const tenths = Math.floor((Math.abs(hundredths) + 5) / 10);
  return `${hundredths < -4 ? "-" : ""}${Math.floor(tenths / 10)}.${tenths % 10}`;
}

function Temperature({ of: pack }: { of: Pack }): ReactNode {
  const say = useText("scan");
  const kept = pack.temperature ?? undefined;
  if (kept === undefined) {
    return null;
  }
  const { lowest, highest } = kept;
  const mean = kept.mean_kinetic;
  return (
    <>
      <Title order={2} mt="lg" mb="xs">
        {say("page/temperature")}
      </Title>
      <ul>
        <li>{say("page/readings", { count: kept.readings })}</li>
        {typeof lowest !== "number" || typeof highest !== "number" ? null : (
          <li>{say("page/range", { lowest: degrees(lowest), highest: degrees(highest) })}</li>
        )}
        {typeof mean !== "number" ? null : (
          <li>{say("page/mean_kinetic", { value: degrees(mean) })}</li>
        )}
        <li>{say("page/outside", { minutes: kept.minutes_outside ?? 0 })}</li>
      </ul>
    </>
  );
}
