/** Who takes part: members with a vote, and who of them signs blocks. */
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { get } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SubjectName } from "../../components/SubjectName";
import type { Seat } from "./health";
import { members, newestSeats } from "./reading";
import { Seats, Signed } from "./Seats";

export default function Members(): ReactNode {
  const say = useText("portal_operator");
  const found = useQuery({
    queryKey: ["operator", "members"],
    queryFn: async ({ signal }) => {
      const { height } = await get("/v1/status", { signal });
      const [lines, seats] = await Promise.all([members(signal), newestSeats(height, signal)]);
      return { lines, seats, height };
    },
  });
  return (
    <>
      <PageTitle tab={say("members/title")}>{say("members/title")}</PageTitle>
      <p>{say("members/about")}</p>
      <Query of={found}>
        {({ lines, seats, height }) => (
          <>
            {lines.length === 0 ? (
              <Empty>{say("members/none")}</Empty>
            ) : (
              <Listed of={lines} seats={seats} />
            )}
            <Seats of={seats} height={height} />
          </>
        )}
      </Query>
    </>
  );
}

interface Given {
  readonly of: Awaited<ReturnType<typeof members>>;
  readonly seats: readonly Seat[];
}

function Listed({ of, seats }: Given): ReactNode {
  const say = useText("portal_operator");
  const path = usePath();
  const own = useWho()?.organisation;
  return (
    <Rows
      caption={say("members/caption", { count: of.length })}
      columns={[say("members/who"), say("members/since"), say("members/signs")]}
      of={of.map((each) => {
        const seat = seats.find((one) => one.organisation === each.id);
        return {
          key: each.id,
          cells: [
            <span key="who">
              <Link to={path(`explorer/subjects/${each.id}`)}>
                <SubjectName id={each.id} />
              </Link>
              {each.id === own ? ` ${say("members/yours")}` : null}
            </span>,
            <Moment key="since" at={each.time} />,
            seat === undefined ? (
              say("members/does_not_sign")
            ) : (
              <Signed key="signed" yes={seat.signed} />
            ),
          ],
        };
      })}
    />
  );
}
