/** What was done without a connection and waits, shown plainly; and what was refused later. */
import { Button, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback } from "react";

import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { ProblemError } from "../../problem";
import { useText } from "../../text";
import { useQueue } from "../../use-queue";
import { sendLine, useOrganisation } from "./calls";
import { type Line, orders, strike } from "./waiting";

export function useWaiting(): readonly [readonly Line[], () => void] {
  const queries = useQueryClient();
  const sent = useCallback((): void => {
    void queries.invalidateQueries({ queryKey: ["supply"] });
  }, [queries]);
  return useQueue(orders, useOrganisation(), sendLine, sent);
}

export function WaitingNotice(): ReactNode {
  const say = useText("portal_supply");
  const [found, send] = useWaiting();
  const waits = found.filter((each) => each.refused === undefined);
  const refused = found.filter((each) => each.refused !== undefined);
  const any = waits.length > 0;
  return (
    <>
      <div role="status">
        {any ? (
          <section className="trade-box tone-amber">
            <strong>{say("waiting/count", { count: waits.length })}</strong>
            <p>{say("waiting/about")}</p>
            <ul>
              {waits.map((each) => (
                <Entry key={each.number} of={each} />
              ))}
            </ul>
            <Button onClick={send}>{say("waiting/send")}</Button>
          </section>
        ) : null}
      </div>
      {refused.length === 0 ? null : <Refused of={refused} />}
    </>
  );
}

function Entry({ of: line }: { of: Line }): ReactNode {
  const say = useText("portal_supply");
  return (
    <li>
      {say(`actions/${line.action}/name`)} <bdi translate="no">{line.code}</bdi>{" "}
      <Moment at={line.at} />
    </li>
  );
}

function Refused({ of: refused }: { of: readonly Line[] }): ReactNode {
  const say = useText("portal_supply");
  return (
    <section className="trade-box">
      <Title order={2}>{say("waiting/refused")}</Title>
      <p>{say("waiting/refused_about")}</p>
      <ul className="lines">
        {refused.map((each) => (
          <Entry key={each.number} of={each} />
        ))}
      </ul>
      {refused.map((each) =>
        each.refused === undefined ? null : (
          <div key={each.number}>
            <ProblemNotice error={new ProblemError(each.refused)} />
            <Button variant="outline" onClick={() => void strike(each.number)}>
              {say("waiting/seen")}
            </Button>
          </div>
        ),
      )}
    </section>
  );
}
