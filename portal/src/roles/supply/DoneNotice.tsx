/** What an action did, and taking it back when it was a mistake. */
import { Button, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useRef } from "react";

import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { ShortId } from "../../components/ShortId";
import { ProblemError } from "../../problem";
import { useText } from "../../text";
import { type Done, orderFor, sendLine, useOrganisation } from "./calls";
import { siteOf } from "./place";
import { UnitName } from "./Names";
import { ProvedEvent } from "./Proved";
import { carryOut } from "./waiting";

const PROVED = 3;

interface Props {
  readonly action: string;
  readonly done: Done;
  readonly gln: string;
}

export function DoneNotice({ action, done, gln }: Props): ReactNode {
  const say = useText("portal_supply");
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
  }, []);
  return (
    <section className="trade-box tone-green" role="status">
      <Title order={2} ref={head} tabIndex={-1}>
        <span aria-hidden="true">✓ </span>
        {say(`actions/${action}/done`)}
      </Title>
      <ul>
        {done.units.slice(0, 20).map((each) => (
          <li key={each.unit}>
            <UnitName unit={each.unit} />: {say(`standings/${each.standing}`)}
          </li>
        ))}
      </ul>
      <p>
        <Moment at={done.at} /> {say("done/posted")}
      </p>
      {done.events.slice(0, PROVED).map((each) => (
        <ProvedEvent key={each} event={each} />
      ))}
      <TakeBack done={done} gln={gln} />
      <details>
        <summary>{say("details")}</summary>
        <p>
          {say("done/order")} <ShortId id={done.key} />
        </p>
      </details>
    </section>
  );
}

function TakeBack({ done, gln }: { done: Done; gln: string }): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const queries = useQueryClient();
  const undoing = useMutation({
    mutationFn: () => {
      const fields = { units: [], declares: done.key, reason: "did_not_occur" };
      const order = orderFor(siteOf(gln), fields);
      const code = done.units.map((each) => each.unit).join(" ");
      const at = Number(order["at"]);
      return carryOut({ organisation, action: "declare_error", code, order, at }, sendLine);
    },
    networkMode: "always",
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["supply"] }),
  });
  const outcome = undoing.data;
  if (outcome?.state === "done") {
    return <p role="status">{say("done/taken_back")}</p>;
  }
  if (outcome?.state === "waiting") {
    return <p role="status">{say("waiting/kept")}</p>;
  }
  return (
    <>
      {outcome === undefined ? null : <ProblemNotice error={new ProblemError(outcome.problem)} />}
      {undoing.error === null ? null : <ProblemNotice error={undoing.error} />}
      <Button
        variant="outline"
        size="lg"
        loading={undoing.isPending}
        onClick={() => {
          undoing.mutate();
        }}
      >
        {say("done/take_back")}
      </Button>
    </>
  );
}
