/** Shipments that wait to be received: whole, in part, or sent back unopened. */
import { Button, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { post } from "../../api";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { ActionPanel, type DoneOf } from "./ActionPanel";
import type { Shipment } from "./allowed";
import { useOrganisation, useShipments } from "./calls";
import { DoneNotice } from "./DoneNotice";
import { Here } from "./Here";
import { UnitName } from "./Names";
import { useNews } from "./news";
import { useHere } from "./place";
import { TradePage } from "./TradePage";

const SHOWN = 50;
type Choice = "receive" | "take_back" | "decline";

export default function Incoming(): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const here = useHere(organisation);
  const found = useShipments(organisation, useNews());
  const [what, setWhat] = useState<DoneOf>();
  return (
    <TradePage page="incoming">
      <p>{say("incoming/about")}</p>
      {what === undefined || here.gln === undefined ? null : (
        <DoneNotice key={what.done.key} action={what.action} done={what.done} gln={here.gln} />
      )}
      <Query of={found}>
        {({ shipments }) =>
          shipments.length === 0 ? (
            <Empty>{say("incoming/none")}</Empty>
          ) : (
            shipments.map((each) => <One key={each.shipment} of={each} gln={here.gln} onDone={setWhat} />)
          )
        }
      </Query>
      <Here of={here} />
    </TradePage>
  );
}

interface OneProps {
  readonly of: Shipment;
  readonly gln: string | undefined;
  readonly onDone: (what: DoneOf) => void;
}

function One({ of: shipment, gln, onDone }: OneProps): ReactNode {
  const say = useText("portal_supply");
  const [choice, setChoice] = useState<Choice>();
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set());
  const taken = shipment.outermost.filter((each) => !left.has(each));
  const state = shipment.fault !== "" ? "refused" : shipment.checked ? "checked" : "unchecked";
  const tone = { refused: "tone-red", checked: "tone-green", unchecked: "tone-grey" }[state];
  const choices: Choice[] = state === "checked" ? ["receive", "take_back", "decline"] : [];
  return (
    <section className="trade-box">
      <Title order={2}>
        {say("incoming/from")} <SubjectName id={shipment.sender} />
      </Title>
      <p>
        <span className={tone}>{say(`incoming/states/${state}`, { fault: shipment.fault })}</span>{" "}
        {say("incoming/count", { count: shipment.count })} <Moment at={shipment.at} />
      </p>
      <fieldset>
        <legend>{say("incoming/which")}</legend>
        {shipment.outermost.slice(0, SHOWN).map((each) => (
          <p key={each}>
            <label>
              <input
                type="checkbox"
                checked={!left.has(each)}
                onChange={(event) => {
                  const next = new Set(left);
                  if (event.currentTarget.checked) next.delete(each);
                  else next.add(each);
                  setLeft(next);
                }}
              />{" "}
              <UnitName unit={each} />
            </label>
          </p>
        ))}
      </fieldset>
      {shipment.outermost.length > SHOWN ? <p>{say("incoming/more", { shown: SHOWN })}</p> : null}
      {gln === undefined && choices.length > 0 ? <p>{say("here/needed")}</p> : null}
      <ul className="trade-actions">
        {(gln === undefined ? [] : choices).map((each) => (
          <li key={each}>
            <Button
              size="lg"
              variant={each === choice ? "filled" : "outline"}
              aria-expanded={each === choice}
              disabled={each !== "decline" && taken.length === 0}
              onClick={() => {
                setChoice(each === choice ? undefined : each);
              }}
            >
              {say(`incoming/choices/${each}`)}
            </Button>
          </li>
        ))}
      </ul>
      {gln === undefined || choice === undefined ? null : choice === "decline" ? (
        <Decline shipment={shipment.shipment} />
      ) : (
        <ActionPanel
          key={choice}
          action={choice}
          units={taken}
          gln={gln}
          shipment={shipment.shipment}
          parts={choice === "receive"}
          onDone={onDone}
        />
      )}
    </section>
  );
}

function Decline({ shipment }: { shipment: string }): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const queries = useQueryClient();
  const declining = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/supply/shipments/{shipment}/decline", {
        path: { organisation, shipment },
      }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["supply"] }),
  });
  return (
    <div className="trade-box">
      <p>{say("incoming/decline_about")}</p>
      {declining.error === null ? null : <ProblemNotice error={declining.error} />}
      {declining.isSuccess ? (
        <p role="status">{say("incoming/declined")}</p>
      ) : (
        <Button
          size="lg"
          loading={declining.isPending}
          onClick={() => {
            declining.mutate();
          }}
        >
          {say("incoming/decline")}
        </Button>
      )}
    </div>
  );
}
