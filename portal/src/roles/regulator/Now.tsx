/** The regulator's first screen: what broke a rule just now? */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { get } from "../../api";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { EventLines } from "../../events/EventLines";
import { usePath } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import { SectionTitle } from "../public/explorer/SectionTitle";
import { Alerts, Emergencies, Recalls } from "./NowTables";
import { BREACHES, type Breaches, breaches } from "./reading";
import { useOwnKind } from "./traders";

export default function Now(): ReactNode {
  const say = useText("portal_regulator");
  const path = usePath();
  const queries = useQueryClient();
  const kind = useOwnKind();
  const found = useQuery({ queryKey: BREACHES, queryFn: ({ signal }) => breaches(signal) });
  useLive({ after: "latest" }, ({ event }) => {
    const capability = event.type.split(".")[0] ?? "";
    if (["supply", "consent", "governance"].includes(capability)) {
      void queries.invalidateQueries({ queryKey: BREACHES }, { cancelRefetch: false });
    }
  });
  return (
    <>
      <PageTitle tab={say("now/title")}>{say("now/title")}</PageTitle>
      <p>
        <Link to={path("oversight/trace")}>{say("now/trace")}</Link>
      </p>
      <p>
        <Link to={path("oversight/recalls/new")}>{say("now/recall")}</Link>
      </p>
      {kind === "regulator" ? (
        <p>
          <Link to={path("oversight/posts")}>{say("now/posts")}</Link>
        </p>
      ) : null}
      <Query of={found}>{(now) => <Shown of={now} />}</Query>
    </>
  );
}

function Shown({ of }: { of: Breaches }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <>
      <Summary of={of} />
      <SectionTitle>{say("now/alerts")}</SectionTitle>
      <Alerts of={of.alerts} />
      <SectionTitle>{say("now/recalls")}</SectionTitle>
      <Recalls of={of.recalls} />
      <SectionTitle>{say("now/emergencies")}</SectionTitle>
      <Emergencies of={of.emergencies} />
      <SectionTitle>{say("now/misdeeds")}</SectionTitle>
      {of.misdeeds.length === 0 ? <p>{say("now/no_misdeeds")}</p> : <EventLines of={of.misdeeds} />}
      <Health />
    </>
  );
}

function Summary({ of }: { of: Breaches }): ReactNode {
  const say = useText("portal_regulator");
  const quiet = Object.values(of).every((each: readonly unknown[]) => each.length === 0);
  const grave = of.misdeeds.length > 0 || of.recalls.some((each) => each.grade === 1);
  const tone = quiet ? "green" : grave ? "red" : "amber";
  return (
    <section className={`verdict tone-${tone}`} aria-live="polite">
      <h2>
        <span aria-hidden="true">{quiet ? "✓" : "!"}</span> {say(quiet ? "now/quiet" : "now/look")}
      </h2>
      <ul>
        <li>{say("now/alerts_count", { count: of.alerts.length })}</li>
        <li>{say("now/recalls_count", { count: of.recalls.length })}</li>
        <li>{say("now/emergencies_count", { count: of.emergencies.length })}</li>
        <li>{say("now/misdeeds_count", { count: of.misdeeds.length })}</li>
      </ul>
    </section>
  );
}

/** As of which block all this is. */
function Health(): ReactNode {
  const say = useText("portal_regulator");
  const found = useQuery({
    queryKey: [...BREACHES, "status"],
    queryFn: ({ signal }) => get("/v1/status", { signal }),
  });
  return found.data === undefined ? null : (
    <p>{say("now/as_of", { height: found.data.index_height })}</p>
  );
}
