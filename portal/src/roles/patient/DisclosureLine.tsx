/** One reading: who, of which organisation, what for, what, when, and whether they were let in. */
import { useQuery } from "@tanstack/react-query";
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { get } from "../../api";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { ShortId } from "../../components/ShortId";
import { ProofBadge } from "../../proof";
import { useKnows } from "../../text";
import { usePatientText } from "./acting";
import { type Disclosure, useKnown, useMe } from "./reading";
import { NotRecognised } from "./NotRecognised";
import { useWords } from "./words";

interface Props {
  readonly of: Disclosure;
  readonly names: ReadonlyMap<string, string>;
  /** With the proof, and the way to say that one does not know this reading. */
  readonly full?: boolean;
}

export function DisclosureLine({ of, names, full = false }: Props): ReactNode {
  const say = usePatientText();
  const words = useWords();
  const what = useWhat(of);
  const house = of.reader.organisation ?? "";
  const organisation = of.reader.organisation_name ?? names.get(house) ?? say("looked/unknown_house");
  const who = of.reader.name ?? say("looked/somebody");
  const sentence = of.outcome === "permit" ? "looked/read" : "looked/refused";
  return (
    <li>
      <strong>{say("looked/who", { who, organisation })}</strong>
      <div>
        {say(sentence, { what, purpose: words.of("purposes", of.purpose), count: of.records.length })}
      </div>
      {of.basis === "emergency" ? <strong>{say("looked/emergency")}</strong> : null}
      <span className="beside"><Moment at={of.time} /></span>
      {full ? <More of={of} sentence={say("looked/who", { who, organisation })} /> : null}
    </li>
  );
}

/** The kinds of the records that were read, in words. */
function useWhat(of: Disclosure): string {
  const say = usePatientText();
  const words = useWords();
  const known = useKnown().data ?? [];
  const kinds = of.records.flatMap((id) => known.find((each) => each.record === id)?.category ?? []);
  const named = [...new Set(kinds)];
  return named.length === 0 ? say("looked/some") : words.list("categories", named);
}

function More({ of, sentence }: { of: Disclosure; sentence: string }): ReactNode {
  const say = usePatientText();
  const knows = useKnows("portal_patient");
  const reasons = of.reasons.map((each) =>
    knows(`looked/reasons/${each}`) ? say(`looked/reasons/${each}`) : each,
  );
  return (
    <>
      {reasons.length === 0 ? null : <div>{say("looked/because", { reasons: reasons.join("; ") })}</div>}
      <Proved of={of} />
      <details>
        <summary>{say("details")}</summary>
        <p>{say("looked/reader_id")} <ShortId id={of.reader.id} /></p>
      </details>
      <NotRecognised what={sentence} at={of.time} />
    </>
  );
}

function Proved({ of }: { of: Disclosure }): ReactNode {
  const say = usePatientText();
  const me = useMe();
  const [wanted, setWanted] = useState(false);
  const line = of.lines[0];
  const found = useQuery({
    queryKey: ["disclosure-proof", line],
    enabled: wanted && line !== undefined,
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/persons/{person}/disclosures/{disclosure}/proof", {
        path: { ...me, disclosure: line ?? "" }, signal,
      }),
  });
  if (!of.anchored) return <div className="beside">{say("looked/not_yet_recorded")}</div>;
  if (!wanted) {
    return (
      <Button variant="subtle" onClick={() => { setWanted(true); }}>{say("looked/prove")}</Button>
    );
  }
  return (
    <Query of={found}>
      {({ anchored }) => (
        <ProofBadge
          plain
          subject={{ kind: "transaction", hash: anchored.transaction, shown: { height: anchored.height } }}
        />
      )}
    </Query>
  );
}
