/** Whom one acts for: open one, or stop acting for them. */
import { Button, Group } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage, usePath } from "../../language";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { OwnSigning } from "../patient/OwnSigning";
import { day } from "../patient/words";
import { usePowers } from "./powers";
import { useNameOf, useWards, type Ward } from "./wards";

export default function People(): ReactNode {
  const say = useText("portal_carer");
  const path = usePath();
  const [stopping, stop] = useState<Ward>();
  const found = useWards();
  return (
    <>
      <PageTitle tab={say("tab")}>{say("title")}</PageTitle>
      <p>{say("about")}</p>
      {stopping !== undefined ? (
        <Stop of={stopping} onDone={() => { stop(undefined); }} />
      ) : (
        <Query of={found}>
          {(wards) =>
            wards.length === 0 ? (
              <Empty>
                {say("nobody")} <Link to={path("my/carer-code")}>{say("make_code")}</Link>
              </Empty>
            ) : (
              <ul className="lines">
                {wards.map((each) => (
                  <Line key={each.person} of={each} onStop={() => { stop(each); }} />
                ))}
              </ul>
            )
          }
        </Query>
      )}
    </>
  );
}

function Line({ of, onStop }: { of: Ward; onStop: () => void }): ReactNode {
  const say = useText("portal_carer");
  const path = usePath();
  const language = useLanguage();
  const powers = usePowers();
  const name = useNameOf()(of);
  return (
    <li>
      <strong>{name}</strong>
      <div>{say("may", { powers: powers(of.powers) })}</div>
      <div className="beside">{say("until", { ends: day(of.ends, language) })}</div>
      <Group mt="sm">
        <Button
          component={Link}
          size="md"
          to={path(`care/${of.person}/overview`)}
          aria-label={say("open_of", { name })}
        >
          {say("open")}
        </Button>
        <Button size="md" variant="outline" aria-label={say("stop_of", { name })} onClick={onStop}>
          {say("stop")}
        </Button>
      </Group>
    </li>
  );
}

function Stop({ of, onDone }: { of: Ward; onDone: () => void }): ReactNode {
  const say = useText("portal_carer");
  const { subject } = useOwn();
  const queries = useQueryClient();
  const [over, setOver] = useState(false);
  const name = useNameOf()(of);
  return (
    <>
      <p>{say("stopping", { name })}</p>
      <OwnSigning
        messages={[{ type: "consent.SwitchCustodian", custodian: subject, on: false, person: of.person }]}
        names={new Map([[of.person, name], [subject, say("yourself")]])}
        onAnswer={({ state }) => { setOver(state === "recorded"); }}
        onDecline={onDone}
      />
      {over ? (
        <Button
          mt="md"
          onClick={() => {
            void queries.invalidateQueries({ queryKey: ["wards"] });
            onDone();
          }}
        >
          {say("go_on")}
        </Button>
      ) : null}
    </>
  );
}
