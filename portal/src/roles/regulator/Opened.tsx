/** A member's posts of a time: what does not open is named first, then what moved, with its proof. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../api";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { SubjectName } from "../../components/SubjectName";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SectionTitle } from "../public/explorer/SectionTitle";
import { faultsIn, type Interval, type Line, movedIn, OPENINGS, type Opened as Found, postOf, type Time } from "./posts";
import { WhenAsked } from "../supply/Proved";
import { UnitName } from "./UnitName";
import { Word } from "./Way";

const SHOWN = 10;

interface Props {
  readonly member: string;
  readonly time: Time;
  readonly goOn: (since: number) => void;
}

export function Opened({ member, time, goOn }: Props): ReactNode {
  const organisation = useWho()?.organisation ?? "";
  const found = useQuery({
    queryKey: ["oversight", "openings", member, time],
    queryFn: ({ signal }) => get(OPENINGS, { path: { organisation, member }, query: { ...time }, signal }),
    // What was posted stays as it is; a time that goes up to now is another question each time.
    staleTime: Infinity,
  });
  return <Query of={found}>{(opened) => <Shown of={opened} goOn={goOn} />}</Query>;
}

function Shown({ of, goOn }: { of: Found; goOn: Props["goOn"] }): ReactNode {
  const say = useText("portal_regulator");
  const { next } = of;
  const [faults, lines] = [faultsIn(of.intervals), movedIn(of.intervals)];
  const silent = of.intervals.filter((each) => each.fault === "silent").length;
  const exact = of.intervals.length - silent - faults.length;
  return (
    <>
      <SectionTitle>
        {say("posts/of")} <SubjectName id={of.member} />
      </SectionTitle>
      <section className={`verdict tone-${faults.length > 0 ? "red" : exact > 0 ? "green" : "grey"}`}>
        <h2>
          <span aria-hidden="true">{faults.length > 0 ? "✕" : exact > 0 ? "✓" : "○"}</span>{" "}
          {say(`posts/verdict/${faults.length > 0 ? "faults" : exact > 0 ? "exact" : "silent"}`)}
        </h2>
        <ul>
          <li>{say("posts/exact", { count: exact })}</li>
          <li>{say("posts/silent", { count: silent })}</li>
          {faults.length === 0 ? null : <li>{say("posts/faults", { count: faults.length })}</li>}
        </ul>
      </section>
      {faults.length === 0 ? null : <Faults of={faults} member={of.member} />}
      {lines.length === 0 ? <p>{say("posts/nothing")}</p> : <Moved of={lines} member={of.member} />}
      {next === null ? null : (
        <Button
          size="lg"
          variant="outline"
          onClick={() => {
            goOn(next);
          }}
        >
          {say("posts/next")}
        </Button>
      )}
    </>
  );
}

function Faults({ of, member }: { of: readonly Interval[]; member: string }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <Rows
      caption={say("posts/faults_caption")}
      columns={["when", "what", "proof"].map((each) => say(`posts/columns/${each}`))}
      of={of.map((each) => ({
        key: String(each.interval),
        cells: [
          <When key="when" at={each.posted} />,
          say(`posts/fault/${each.fault === "wrong" ? "wrong" : "missing"}`),
          <ProvedWhenAsked key="proof" member={member} of={each} />,
        ],
      }))}
    />
  );
}

function Moved({ of, member }: { of: readonly Line[]; member: string }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <Rows
      caption={say("posts/caption")}
      columns={["when", "what", "packs", "proof"].map((each) => say(`posts/columns/${each}`))}
      of={of.map((each) => ({
        key: each.key,
        cells: [
          <When key="when" at={each.posted} />,
          <What key="what" of={each} />,
          <Packs key="packs" of={each.units} />,
          <ProvedWhenAsked key="proof" member={member} of={each} />,
        ],
      }))}
    />
  );
}

function When({ at }: { at: number | null }): ReactNode {
  return at === null ? null : <Moment at={at} />;
}

function What({ of }: { of: Line }): ReactNode {
  const say = useText("portal_regulator");
  if (of.what === "given") {
    return (
      <>
        {say("way/to")} <SubjectName id={of.holder} />
      </>
    );
  }
  return of.what === "made" ? <Word of="acts" word="commission" /> : <Word of="standing" word={of.word} />;
}

function Packs({ of }: { of: readonly string[] }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <details open={of.length === 1}>
      <summary>{say("posts/packs", { count: of.length })}</summary>
      <ul>
        {of.slice(0, SHOWN).map((each) => (
          <li key={each}>
            <UnitName of={each} />
          </li>
        ))}
      </ul>
      {of.length > SHOWN ? <p>{say("posts/more", { shown: SHOWN })}</p> : null}
    </details>
  );
}

interface Proving {
  readonly of: Pick<Interval, "interval" | "posted">;
  readonly member: string;
}

function ProvedWhenAsked(props: Proving): ReactNode {
  return (
    <WhenAsked>
      <Proved {...props} />
    </WhenAsked>
  );
}

/** The post itself, as the chain has it: the time that is shown beside it must be that of the block. */
function Proved({ of, member }: Proving): ReactNode {
  const id = postOf(member, of.interval);
  const found = useQuery({
    queryKey: ["oversight", "post", id],
    queryFn: ({ signal }) => get("/v1/supply/posts/{id}", { path: { id }, signal }),
    staleTime: Infinity,
  });
  return (
    <Query of={found}>
      {({ value }) => (
        <ProofBadge
          subject={{ kind: "state", key: `supply/post/${id}`, value: { ...value, time: of.posted } }}
        />
      )}
    </Query>
  );
}
