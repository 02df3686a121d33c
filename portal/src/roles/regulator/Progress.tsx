/** Who has answered a recall: the silent ones first. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { type AnswerOf, get } from "../../api";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";

const ADDRESS = "/v1/organisations/{organisation}/supply/recalls/{recall}/progress";
type Heard = AnswerOf<typeof ADDRESS>["members"][number];

const ORDER = ["silent", "told", "answered"] as const;
const MARKS = { silent: "✗", told: "○", answered: "✓" } as const;
const COUNTED = ["held", "away", "coming", "dispensed", "ended"] as const;

export function Progress({ organisation, recall }: { organisation: string; recall: string }): ReactNode {
  const say = useText("portal_regulator");
  const found = useQuery({
    queryKey: ["oversight", "progress", recall],
    queryFn: async ({ signal }) => (await get(ADDRESS, { path: { organisation, recall }, signal })).members,
    refetchInterval: 10_000,
  });
  return (
    <Query of={found}>
      {(members) =>
        members.length === 0 ? <p>{say("progress/nobody")}</p> : <Told of={members} />
      }
    </Query>
  );
}

function Told({ of }: { of: readonly Heard[] }): ReactNode {
  const say = useText("portal_regulator");
  const silent = of.filter((each) => each.heard === "silent").length;
  const answered = of.filter((each) => each.heard === "answered").length;
  const sorted = [...of].sort((one, two) => ORDER.indexOf(one.heard) - ORDER.indexOf(two.heard));
  return (
    <>
      <p>
        <label>
          {say("progress/far", { answered, all: of.length })}{" "}
          <progress value={answered} max={of.length} />
        </label>
      </p>
      <p>
        <strong>{say(silent === 0 ? "progress/none_silent" : "progress/silent", { count: silent })}</strong>
      </p>
      <Rows
        caption={say("progress/caption")}
        columns={["who", "heard", "since", "found", "people"].map((each) => say(`progress/${each}`))}
        of={sorted.map((each) => ({
          key: each.organisation,
          cells: [
            <SubjectName key="who" id={each.organisation} />,
            <span key="heard">
              <span aria-hidden="true">{MARKS[each.heard]}</span> {say(`progress/states/${each.heard}`)}
            </span>,
            each.first === null ? say("progress/never") : <Moment key="since" at={each.first} />,
            <Found key="found" of={each} />,
            each.answer === null ? say("progress/never") : String(each.answer.persons),
          ],
        }))}
      />
    </>
  );
}

function Found({ of: { answer } }: { of: Heard }): ReactNode {
  const say = useText("portal_regulator");
  if (answer === null) return say("progress/never");
  const some = COUNTED.filter((each) => answer[each] > 0);
  if (some.length === 0) return say("progress/nothing");
  return (
    <ul className="lines">
      {some.map((each) => (
        <li key={each}>{say(`progress/counts/${each}`, { count: answer[each] })}</li>
      ))}
    </ul>
  );
}
