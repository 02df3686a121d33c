/** A pack's way from member to member, as far as they tell: a list, and a table of all moments. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type AnswerOf, get } from "../../api";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { ProblemError } from "../../problem";
import { useKnows, useText } from "../../text";
import { SectionTitle } from "../public/explorer/SectionTitle";
import { SubjectName } from "../../components/SubjectName";
import { isLotOf } from "./tree";
import { UnitName } from "./UnitName";

const ADDRESS = "/v1/organisations/{organisation}/supply/trace/members";
type Across = AnswerOf<typeof ADDRESS>;
type Hop = Across["hops"][number];

const NOTHING = "supply.nothing_to_trace";

export function Way({ organisation, code }: { organisation: string; code: string }): ReactNode {
  const say = useText("portal_regulator");
  const found = useQuery({
    queryKey: ["oversight", "way", organisation, code],
    queryFn: ({ signal }) => get(ADDRESS, { path: { organisation }, query: { code }, signal }),
  });
  return (
    <section>
      <SectionTitle>{say("way/title")}</SectionTitle>
      {found.error instanceof ProblemError && found.error.problem.code === NOTHING ? (
        <ProblemNotice error={found.error} />
      ) : (
        <Query of={found}>{(across) => <Shown of={across} />}</Query>
      )}
    </section>
  );
}

function Shown({ of }: { of: Across }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <>
      <p>
        <UnitName of={of.unit} /> · {say("way/members", { count: of.hops.length })}
      </p>
      <ol>
        {of.hops.map((hop, at) => (
          <li key={`${hop.organisation}.${at}`}>
            <strong>
              <SubjectName id={hop.organisation} />
            </strong>
            <Told of={hop} unit={of.unit} />
          </li>
        ))}
      </ol>
      <details>
        <summary>{say("way/as_table")}</summary>
        <Table of={of.hops} />
      </details>
    </>
  );
}

function Told({ of, unit }: { of: Hop; unit: string }): ReactNode {
  const say = useText("portal_regulator");
  if (of.fault !== "") {
    return (
      <p>
        {say("way/does_not_say")} <code translate="no">{of.fault}</code>
      </p>
    );
  }
  return (
    <ul>
      {of.moments.length === 0 ? <li>{say("way/saw_nothing")}</li> : null}
      {of.moments.map((each, at) => (
        <li key={at}>
          <Moment at={each.at} /> · <Word of="acts" word={each.act} /> ·{" "}
          <Word of="standing" word={each.standing} />
        </li>
      ))}
      {of.to === "" ? null : (
        <li>
          {say("way/to")} <SubjectName id={of.to} />
        </li>
      )}
      {of.made_into.filter((each) => !isLotOf(each, unit)).map((each) => (
        <li key={each}>
          {say("known/made_into")} <UnitName of={each} />
        </li>
      ))}
    </ul>
  );
}

function Table({ of }: { of: readonly Hop[] }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <Rows
      caption={say("way/title")}
      columns={["when", "who", "act", "standing"].map((each) => say(`way/${each}`))}
      of={of.flatMap((hop, one) =>
        hop.moments.map((each, two) => ({
          key: `${one}.${two}`,
          cells: [
            <Moment key="when" at={each.at} />,
            <SubjectName key="who" id={hop.organisation} />,
            <Word key="act" of="acts" word={each.act} />,
            <Word key="standing" of="standing" word={each.standing} />,
          ],
        })),
      )}
    />
  );
}

/** A word of the trade in the reader's language; one that is not known here is shown as it is. */
export function Word({ of, word }: { of: "acts" | "standing" | "where"; word: string }): ReactNode {
  const say = useText("portal_regulator");
  const knows = useKnows("portal_regulator");
  if (word === "") return say(`${of}/unknown`);
  return knows(`${of}/${word}`) ? say(`${of}/${word}`) : <code translate="no">{word}</code>;
}
