/** How a pack or case was kept: the judgement in words, the curve, and the same numbers in a table. */
import { Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useSearchParams } from "react-router";

import { type AnswerOf, get } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useText } from "../../text";
import { useOrganisation } from "./calls";
import { CodeForm } from "./CodeForm";
import { Curve } from "./Curve";
import { degrees } from "./degrees";
import { Listed } from "./Listed";
import { UnitName } from "./Names";
import { TradePage } from "./TradePage";

type Report = AnswerOf<"/v1/organisations/{organisation}/supply/temperatures">;
type Readings = AnswerOf<"/v1/organisations/{organisation}/supply/temperatures/readings">;
const SHOWN = 200;
const MINUTE = 60_000;

export default function Temperatures(): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const [search, setSearch] = useSearchParams();
  const code = search.get("code") ?? "";
  const found = useQuery({
    queryKey: ["supply", organisation, "temperatures", code],
    queryFn: async ({ signal }) => {
      const asked = { path: { organisation }, query: { code }, signal };
      const report = get("/v1/organisations/{organisation}/supply/temperatures", asked);
      const readings = get("/v1/organisations/{organisation}/supply/temperatures/readings", asked);
      return { report: await report, readings: await readings };
    },
    enabled: code !== "",
  });
  return (
    <TradePage page="temperatures">
      <p>{say("temperatures/about")}</p>
      <CodeForm
        code={code}
        look={(wanted) => {
          setSearch(wanted === "" ? {} : { code: wanted });
        }}
      />
      <div aria-live="polite">
        {code === "" ? null : (
          <Query of={found}>{({ report, readings }) => <Whole of={report} readings={readings} />}</Query>
        )}
      </div>
    </TradePage>
  );
}

function Whole({ of: report, readings }: { of: Report; readings: Readings }): ReactNode {
  const say = useText("portal_supply");
  if (report.readings === 0) return <Empty>{say("temperatures/nothing")}</Empty>;
  const good = report.conforms;
  const celsius = (value: number | null): string =>
    value === null ? "" : say("temperatures/degrees", { value: degrees(value) });
  const minutes = (value: number | null): string =>
    value === null ? "" : say("temperatures/minutes", { count: Math.ceil(value / MINUTE) });
  const { floor, ceiling } = readings;
  return (
    <>
      <section className={`verdict tone-${good ? "green" : "red"}`}>
        <Title order={2}>
          <span aria-hidden="true">{good ? "✓" : "✕"}</span>
          {say(good ? "temperatures/kept" : "temperatures/not_kept")}
        </Title>
        {good ? null : <p>{say("temperatures/do")}</p>}
        {report.ongoing ? <p>{say("temperatures/ongoing")}</p> : null}
      </section>
      <Facts
        of={[
          [say("unit/name"), <UnitName key="name" unit={report.unit} />],
          [
            say("temperatures/allowed"),
            floor === null || ceiling === null
              ? ""
              : say("temperatures/range", { lowest: degrees(floor), highest: degrees(ceiling) }),
          ],
          [say("temperatures/readings"), String(report.readings)],
          [say("temperatures/lowest"), celsius(report.lowest)],
          [say("temperatures/highest"), celsius(report.highest)],
          [say("temperatures/mean_kinetic"), celsius(report.mean_kinetic)],
          [say("temperatures/outside"), minutes(report.outside)],
          [say("temperatures/left"), minutes(report.left)],
        ]}
      />
      <Curve of={readings} />
      <Excursions of={report} />
      <Measured of={readings} />
    </>
  );
}

function Excursions({ of: { excursions } }: { of: Report }): ReactNode {
  const say = useText("portal_supply");
  if (excursions.length === 0) return null;
  return (
    <Listed
      caption={say("temperatures/excursions")}
      page="temperatures"
      columns={["from", "to", "low", "high"]}
      rows={excursions.map((each) => [
        <Moment key="from" at={each.start} />,
        each.end === null ? say("temperatures/goes_on") : <Moment key="to" at={each.end} />,
        degrees(each.lowest),
        degrees(each.highest),
      ])}
    />
  );
}

function Measured({ of }: { of: Readings }): ReactNode {
  const say = useText("portal_supply");
  const shown = of.readings.slice(-SHOWN);
  return (
    <>
      {of.more || of.readings.length > SHOWN ? (
        <p>{say("temperatures/more", { shown: SHOWN })}</p>
      ) : null}
      <Listed
        caption={say("temperatures/table")}
        page="temperatures"
        columns={["time", "low", "high"]}
        rows={shown.map((each) => [
          <Moment key="time" at={each.at} />,
          degrees(each.lowest),
          degrees(each.highest),
        ])}
      />
    </>
  );
}
