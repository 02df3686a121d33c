/** What one's own organisation knows of a pack or lot: a tree of what was made of what, and a table. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type AnswerOf, get } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { ProblemError } from "../../problem";
import { useText } from "../../text";
import { SectionTitle } from "../public/explorer/SectionTitle";
import { SubjectName } from "../../components/SubjectName";
import { type Branch, grow } from "./tree";
import { UnitName } from "./UnitName";
import { Word } from "./Way";

const ADDRESS = "/v1/organisations/{organisation}/supply/trace";
type Tree = AnswerOf<typeof ADDRESS>;
type Item = Tree["items"][number];

const NOTHING = "supply.nothing_to_trace";

interface Props {
  readonly organisation: string;
  readonly code: string;
  readonly gtin: string;
  readonly lot: string;
}

export function Known({ organisation, code, gtin, lot }: Props): ReactNode {
  const say = useText("portal_regulator");
  const query = code === "" ? { gtin, lot } : { code };
  const found = useQuery({
    queryKey: ["oversight", "known", organisation, query],
    queryFn: ({ signal }) => get(ADDRESS, { path: { organisation }, query, signal }),
  });
  const nothing = found.error instanceof ProblemError && found.error.problem.code === NOTHING;
  return (
    <section>
      <SectionTitle>{say("known/title")}</SectionTitle>
      {nothing && code !== "" ? (
        <p>{say("known/nothing")}</p>
      ) : nothing ? (
        <ProblemNotice error={found.error} />
      ) : (
        <Query of={found}>{(tree) => <Shown of={tree} />}</Query>
      )}
    </section>
  );
}

function Shown({ of }: { of: Tree }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <>
      <p>{say("known/count", { count: of.items.length })}</p>
      {of.more ? <p>{say("known/more")}</p> : null}
      <Branches of={grow(of.items)} />
      <details>
        <summary>{say("known/as_table")}</summary>
        <Rows
          caption={say("known/title")}
          columns={["unit", "lot", "expiry", "standing", "where"].map((each) => say(`known/${each}`))}
          of={of.items.map((each) => ({
            key: each.item,
            cells: [
              <UnitName key="unit" of={each.item} />,
              each.lot,
              each.expiry,
              <Word key="standing" of="standing" word={each.standing} />,
              <Where key="where" of={each} />,
            ],
          }))}
        />
      </details>
    </>
  );
}

function Branches({ of }: { of: readonly Branch<Item>[] }): ReactNode {
  const say = useText("portal_regulator");
  return (
    <ul>
      {of.map((each) => (
        <li key={each.name}>
          <UnitName of={each.name} />
          {each.item === undefined ? null : (
            <>
              {" · "}
              <Where of={each.item} />
            </>
          )}
          {each.again ? ` ${say("known/again")}` : null}
          {each.made.length === 0 ? null : (
            <>
              {" · "}
              {say("known/made_into")}
              <Branches of={each.made} />
            </>
          )}
        </li>
      ))}
    </ul>
  );
}

const ID = /^[A-Za-z0-9_-]{22}$/;
/** Where the place is another's, and so worth a name. */
const ANOTHER = ["away", "coming", "elsewhere"];

function Where({ of }: { of: Item }): ReactNode {
  return (
    <>
      <Word of="where" word={of.where} />
      {ANOTHER.includes(of.where) && ID.test(of.other) ? (
        <>
          {" "}
          <SubjectName id={of.other} />
        </>
      ) : null}
    </>
  );
}
