/** Who looked: people first; programs and one's own readings folded; emergencies on top. */
import { Button, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePatientText } from "./acting";
import { DisclosureLine } from "./DisclosureLine";
import { folded } from "./looking";
import { NotRecognised } from "./NotRecognised";
import { type Disclosure, type Emergency, useDisclosures, useEmergencies, useFresh, useMe } from "./reading";
import { useNames } from "./words";

const DAYS = 90;

export default function Looked(): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const [days, setDays] = useState<number | undefined>(DAYS);
  const found = useDisclosures(days);
  useFresh();
  return (
    <>
      <PageTitle tab={say("looked/tab")}>{say("looked/title")}</PageTitle>
      <p>{say("looked/about")}</p>
      <Emergencies />
      <Query of={found}>
        {(all) => {
          const { people, machines, own } = folded(all, me.person);
          return (
            <>
              <Title order={2} mt="lg">{say("looked/people")}</Title>
              <Lines of={people} empty={say("overview/nobody_looked")} />
              <Folded of={machines} label={say("looked/machines", { count: machines.length })} />
              <Folded of={own} label={say("looked/own", { count: own.length })} />
            </>
          );
        }}
      </Query>
      {days === undefined ? null : (
        <>
          <p>{say("looked/since", { days })}</p>
          <Button variant="outline" size="md" onClick={() => { setDays(undefined); }}>
            {say("looked/older")}
          </Button>
        </>
      )}
    </>
  );
}

function Lines({ of, empty }: { of: readonly Disclosure[]; empty: string }): ReactNode {
  const names = useNames(of.map((each) => each.reader.organisation ?? ""));
  if (of.length === 0) return <Empty>{empty}</Empty>;
  return (
    <ul className="lines">
      {of.map((each) => (
        <DisclosureLine key={`${each.time}.${each.lines[0] ?? ""}`} of={each} names={names} full />
      ))}
    </ul>
  );
}

function Folded({ of, label }: { of: readonly Disclosure[]; label: string }): ReactNode {
  const [open, setOpen] = useState(false);
  if (of.length === 0) return null;
  return (
    <details onToggle={(event) => { setOpen(event.currentTarget.open); }}>
      <summary>{label}</summary>
      {open ? <Lines of={of} empty="" /> : null}
    </details>
  );
}

function Emergencies(): ReactNode {
  const say = usePatientText();
  const found = useEmergencies();
  const names = useNames((found.data ?? []).map((each) => each.organisation));
  return (
    <Query of={found}>
      {(all) =>
        all.length === 0 ? null : (
          <>
            <Title order={2} mt="lg">{say("emergency/title")}</Title>
            <p>{say("emergency/about")}</p>
            <ul className="lines">
              {all.map((each) => (
                <EmergencyLine key={each.access} of={each} house={names.get(each.organisation)} />
              ))}
            </ul>
          </>
        )
      }
    </Query>
  );
}

function EmergencyLine({ of, house }: { of: Emergency; house: string | undefined }): ReactNode {
  const say = usePatientText();
  const organisation = house ?? say("looked/unknown_house");
  const who = say("looked/who", { who: say("looked/somebody"), organisation });
  return (
    <li>
      <strong>{who}</strong>
      <div>{say("emergency/reason", { text: of.text })}</div>
      <div>{say(`emergency/findings/${of.finding ?? "none"}`)}</div>
      {of.review === null ? null : <div>{say("emergency/review", { text: of.review })}</div>}
      <span className="beside"><Moment at={of.time} /></span>
      <NotRecognised what={who} at={of.time} />
    </li>
  );
}
