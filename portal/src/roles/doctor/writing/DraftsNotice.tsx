/** What the doctor wrote without a connection and what waits; and what was refused later. */
import { Alert, Button, Text, Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback } from "react";

import { Moment } from "../../../components/Moment";
import { ProblemNotice } from "../../../components/ProblemNotice";
import { ProblemError } from "../../../problem";
import { useText } from "../../../text";
import { useQueue } from "../../../use-queue";
import { useOwn } from "../../../who";
import { TIMELINE } from "../Record";
import { type Draft, drafts, sendDraft } from "./drafts";

export function DraftsNotice(): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { subject } = useOwn();
  const sent = useCallback((): void => {
    void queries.invalidateQueries({ queryKey: [TIMELINE] });
  }, [queries]);
  const [found, send] = useQueue(drafts, subject, sendDraft, sent);
  const waits = found.filter((each) => each.refused === undefined);
  const refused = found.filter((each) => each.refused !== undefined);
  return (
    <>
      <div role="status">
        {waits.length === 0 ? null : (
          <Alert color="yellow" variant="outline">
            <Text component="p" fw={700}>{say("drafts/count", { count: waits.length })}</Text>
            <p>{say("drafts/about")}</p>
            <ul>
              {waits.map((each) => (
                <li key={each.number}><Said of={each} /></li>
              ))}
            </ul>
            <Button variant="outline" size="md" onClick={send}>{say("drafts/send")}</Button>
          </Alert>
        )}
      </div>
      {refused.map((each) => (
        <section key={each.number} aria-label={say("drafts/refused")}>
          <Title order={2}>{say("drafts/refused")}</Title>
          <p>{say("drafts/refused_about")}</p>
          <p><Said of={each} /></p>
          {each.refused === undefined ? null : <ProblemNotice error={new ProblemError(each.refused)} />}
          <Button variant="outline" size="md" onClick={() => void drafts.strike(each.number)}>
            {say("drafts/seen")}
          </Button>
        </section>
      ))}
    </>
  );
}

function Said({ of }: { of: Draft }): ReactNode {
  return (
    <>
      <strong translate="no">{of.name}</strong> · {of.said} · <Moment at={of.at} />
    </>
  );
}
