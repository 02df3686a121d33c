/** Alerts: what looks like a copy first and apart, then likely slips; each is closed with a finding. */
import { Button, Checkbox, NativeSelect, Stack, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { type AnswerOf, get, post } from "../../api";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage } from "../../language";
import { useKnows, useText } from "../../text";
import { useOrganisation } from "./calls";
import { UnitName } from "./Names";
import { useNews } from "./news";
import { ProvedEventWhenAsked } from "./Proved";
import { TradePage } from "./TradePage";

type Alert = AnswerOf<"/v1/organisations/{organisation}/supply/alerts">["alerts"][number];
const KINDS = ["suspect", "error"] as const;
const FINDINGS = ["false_alarm", "confirmed", "data_error"] as const;
type Finding = (typeof FINDINGS)[number];
const MOST = 100;

export default function Alerts(): ReactNode {
  const refetchInterval = useNews();
  return (
    <TradePage page="alerts">
      {KINDS.map((each) => (
        <OfKind key={each} severity={each} refetchInterval={refetchInterval} />
      ))}
    </TradePage>
  );
}

interface Kind {
  readonly severity: (typeof KINDS)[number];
  readonly refetchInterval: number | false;
}

function OfKind({ severity, refetchInterval }: Kind): ReactNode {
  const say = useText("portal_supply");
  const language = useLanguage();
  const organisation = useOrganisation();
  const found = useQuery({
    queryKey: ["supply", organisation, "alerts", severity, language],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/supply/alerts", {
        path: { organisation },
        query: { severity, limit: MOST },
        signal,
      }),
    refetchInterval,
  });
  return (
    <section>
      <Title order={2} mt="lg">
        {say(`alerts/kinds/${severity}/title`)}
      </Title>
      <p>{say(`alerts/kinds/${severity}/about`)}</p>
      <Query of={found}>
        {({ alerts }) =>
          alerts.length === 0 ? (
            <Empty>{say(`alerts/kinds/${severity}/none`)}</Empty>
          ) : (
            <ul className="lines">
              {alerts.map((each) => (
                <One key={each.alert} of={each} />
              ))}
            </ul>
          )
        }
      </Query>
    </section>
  );
}

function One({ of: alert }: { of: Alert }): ReactNode {
  const say = useText("portal_supply");
  const knows = useKnows("portal_supply");
  const act = `actions/${alert.act}/name`;
  return (
    <li>
      <strong>{alert.title}</strong>
      <span className="beside">
        <UnitName unit={alert.unit} /> · <Moment at={alert.raised} />
        {knows(act) ? ` · ${say(act)}` : null}
      </span>
      <p>{alert.detail}</p>
      {alert.event === "" ? null : <ProvedEventWhenAsked event={alert.event} />}
      <details>
        <summary className="standing">{say("alerts/close")}</summary>
        <Close alert={alert.alert} />
      </details>
    </li>
  );
}

function Close({ alert }: { alert: string }): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const queries = useQueryClient();
  const [finding, setFinding] = useState("");
  const [together, setTogether] = useState(false);
  const closing = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/supply/alerts/{alert}/close", {
        path: { organisation, alert },
        body: { finding: finding as Finding, together },
      }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["supply"] }),
  });
  const close = (event: SyntheticEvent): void => {
    event.preventDefault();
    closing.mutate();
  };
  return (
    <form onSubmit={close}>
      <Stack gap="md" align="flex-start">
        <NativeSelect
          label={say("alerts/finding")}
          size="lg"
          required
          value={finding}
          data={[
            { value: "", label: say("actions/choose") },
            ...FINDINGS.map((value) => ({ value, label: say(`alerts/findings/${value}`) })),
          ]}
          onChange={(event) => {
            setFinding(event.currentTarget.value);
          }}
        />
        <Checkbox
          size="md"
          label={say("alerts/together")}
          checked={together}
          onChange={(event) => {
            setTogether(event.currentTarget.checked);
          }}
        />
        {closing.error === null ? null : <ProblemNotice error={closing.error} />}
        <Button type="submit" size="lg" loading={closing.isPending}>
          {say("alerts/close")}
        </Button>
      </Stack>
    </form>
  );
}
