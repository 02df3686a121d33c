/** A scanned pack: the verdict first, then what may be done with it here and now. */
import { Button, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { get } from "../../api";
import { Facts } from "../../components/Facts";
import { Query } from "../../components/Query";
import { Loading } from "../../components/Standing";
import { useLanguage, usePath } from "../../language";
import { ProblemError, UNREACHABLE, TIMED_OUT } from "../../problem";
import { useText } from "../../text";
import { Verdict } from "../public/scan/Verdict";
import { ActionPanel, type DoneOf } from "./ActionPanel";
import { type Action, allowed, shipmentOf, UNSEEN } from "./allowed";
import { type Life, today, useOrganisation, useShipments } from "./calls";
import { DoneNotice } from "./DoneNotice";
import { History } from "./History";
import { glnOf, partiesOf, useHere } from "./place";
import { caseIn, partsOf, UnitName } from "./Names";
import { Verify } from "./Verify";

interface Props {
  readonly code: string;
  readonly gln: string | undefined;
}

interface Acting extends Props {
  readonly onDone: (what: DoneOf) => void;
}

function isAway(error: unknown): boolean {
  return error instanceof ProblemError && [UNREACHABLE, TIMED_OUT].includes(error.problem.code);
}

/** A pack that is in no event here is no fault: others may have it. */
const NOT_HERE = "supply.unit_unknown";
const LATER = 3_000;
const COMING: readonly Action[] = ["receive"];
type Named = ReturnType<typeof partsOf>;

export function Found({ code, gln }: Props): ReactNode {
  const [what, setWhat] = useState<DoneOf>();
  const language = useLanguage();
  const organisation = useOrganisation();
  const isCase = caseIn(code) !== "";
  const verdict = useQuery({
    queryKey: ["scan", language, code],
    queryFn: ({ signal }) => get("/v1/supply/scan", { query: { code }, signal }),
    // Who answers for a product answers for its packs; of a case nobody is asked.
    enabled: !isCase,
    gcTime: 0,
    networkMode: "always",
  });
  const life = useQuery({
    queryKey: ["supply", organisation, "unit", code],
    queryFn: async ({ signal }): Promise<Life | null> => {
      try {
        const asked = { path: { organisation }, query: { code }, signal };
        return await get("/v1/organisations/{organisation}/supply/units", asked);
      } catch (error) {
        if (error instanceof ProblemError && error.problem.code === NOT_HERE) return null;
        throw error;
      }
    },
    gcTime: 0,
    networkMode: "always",
    // What came in a moment ago is known as soon as its events are read.
    refetchInterval: (query) => (query.state.data === null ? LATER : false),
  });
  const named = isCase
    ? { case: caseIn(code), gtin: "", serial: "" }
    : { case: "", gtin: verdict.data?.gtin ?? "", serial: verdict.data?.serial ?? "" };
  if (isAway(verdict.error) || isAway(life.error)) {
    return <Unseen code={code} gln={gln} onDone={setWhat} />;
  }
  return (
    <>
      <div aria-live="polite">
        {isCase ? null : <Query of={verdict}>{(pack) => <Verdict of={pack} />}</Query>}
      </div>
      {what === undefined || gln === undefined ? null : (
        <DoneNotice key={what.done.key} action={what.action} done={what.done} gln={gln} />
      )}
      {verdict.isError ? null : (
        <>
          {isCase ? null : <Verify code={code} />}
          <Query of={life}>
            {(found) =>
              found === null ? (
                <Unknown code={code} gln={gln} named={named} onDone={setWhat} />
              ) : (
                <Known code={code} gln={gln} life={found} onDone={setWhat} />
              )
            }
          </Query>
        </>
      )}
    </>
  );
}

/** A pack of which nothing is known here yet: it may be on its way to us. */
function Unknown({ code, gln, named, onDone }: Acting & { named: Named }): ReactNode {
  const say = useText("portal_supply");
  const shipments = useShipments(useOrganisation());
  const coming = (shipments.data?.shipments ?? []).find(
    (each) =>
      each.checked && each.fault === "" && [...each.units, ...each.outermost].some((one) => isNamed(one, named)),
  );
  if (coming === undefined) {
    return shipments.isPending ? <Loading /> : <p className="standing">{say("scan/not_here")}</p>;
  }
  return <Choice onDone={onDone} code={code} gln={gln} may={COMING} shipment={coming.shipment} />;
}

function isNamed(unit: string, named: Named): boolean {
  const parts = partsOf(unit);
  return parts.case === named.case && parts.gtin === named.gtin && parts.serial === named.serial;
}

function Known({ code, gln, life, onDone }: Acting & { life: Life }): ReactNode {
  const say = useText("portal_supply");
  const path = usePath();
  const organisation = useOrganisation();
  const shipments = useShipments(organisation);
  const coming = shipments.data?.shipments ?? [];
  const { unit } = life;
  const ours = partiesOf(organisation, useHere(organisation).known);
  const may = allowed({ unit, ours, today: today(), shipments: coming });
  const shipment = shipmentOf(unit, coming);
  return (
    <section>
      <Title order={2} mt="lg">
        {say("scan/here")}
      </Title>
      <Facts
        of={[
          [say("unit/name"), <UnitName key="name" unit={unit.unit} />],
          [say("unit/standing"), say(`standings/${unit.standing}`)],
          [say("unit/held"), say(ours.includes(unit.holder) ? "unit/by_us" : "unit/by_others")],
          [say("unit/place"), unit.place === "" ? "" : glnOf(unit.place)],
          [say("unit/parent"), unit.parent === null ? "" : <UnitName key="in" unit={unit.parent} />],
          [say("unit/inside"), life.inside.length === 0 ? "" : String(life.inside.length)],
        ]}
      />
      {shipments.isPending ? <Loading /> : null}
      <Choice onDone={onDone} code={code} gln={gln} may={may} {...(shipment === undefined ? {} : { shipment: shipment.shipment })} />
      <History of={life.history} />
      <p>
        <Link to={path(`supply/temperatures?code=${encodeURIComponent(code)}`)}>{say("scan/kept")}</Link>
      </p>
    </section>
  );
}

/** Without a connection nothing can be judged; what is done is written down and sent later. */
function Unseen({ code, gln, onDone }: Acting): ReactNode {
  const say = useText("portal_supply");
  return (
    <>
      <section className="verdict tone-grey" role="status">
        <Title order={2}>
          <span aria-hidden="true">?</span>
          {say("scan/away/title")}
        </Title>
        <p>{say("scan/away/about")}</p>
      </section>
      <Choice onDone={onDone} code={code} gln={gln} may={UNSEEN} />
    </>
  );
}

interface Choosing extends Acting {
  readonly may: readonly Action[];
  readonly shipment?: string;
}

function Choice({ code, gln, may, shipment, onDone }: Choosing): ReactNode {
  const say = useText("portal_supply");
  const [chosen, setChosen] = useState<Action>();
  if (may.length === 0 && chosen === undefined) {
    return <p className="standing">{say("scan/nothing_to_do")}</p>;
  }
  if (gln === undefined) {
    return <p className="standing">{say("here/needed")}</p>;
  }
  return (
    <>
      <Title order={2} mt="lg">
        {say("scan/what_now")}
      </Title>
      <ul className="trade-actions">
        {may.map((each) => (
          <li key={each}>
            <Button
              size="lg"
              variant={each === chosen ? "filled" : "outline"}
              aria-expanded={each === chosen}
              onClick={() => {
                setChosen(each === chosen ? undefined : each);
              }}
            >
              {say(`actions/${each}/name`)}
            </Button>
          </li>
        ))}
      </ul>
      {chosen === undefined ? null : (
        <ActionPanel
          key={chosen}
          action={chosen}
          units={[code]}
          gln={gln}
          onDone={(what) => {
            setChosen(undefined);
            onDone(what);
          }}
          {...(shipment === undefined ? {} : { shipment })}
        />
      )}
    </>
  );
}
