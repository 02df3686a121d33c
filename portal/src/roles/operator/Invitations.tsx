/** Letting somebody sign in: invite, see which invitations were used, take one back. */
import { Button } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type AnswerOf, get, remove } from "../../api";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Rows } from "../../components/Rows";
import { Empty } from "../../components/Standing";
import { session } from "../../session";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SubjectName } from "../../components/SubjectName";
import { Invite } from "./Invite";
import { Issued, type IssuedInvitation } from "./Issued";
import { useStaff } from "../../components/staff";

const LIST = "/v1/organisations/{organisation}/invitations";
type Invitation = AnswerOf<typeof LIST>["invitations"][number];

interface Listing {
  readonly invitations: readonly Invitation[];
  readonly now: number;
}

export default function Invitations(): ReactNode {
  const say = useText("portal_operator");
  const queries = useQueryClient();
  const organisation = useWho()?.organisation ?? "";
  const [issued, setIssued] = useState<IssuedInvitation>();
  const key = ["operator", "invitations", organisation];
  const found = useQuery({
    queryKey: key,
    queryFn: async ({ signal }): Promise<Listing> => {
      const { invitations } = await get(LIST, { path: { organisation }, signal });
      return { invitations, now: Date.now() + (session()?.ahead ?? 0) };
    },
  });
  const again = (): void => {
    void queries.invalidateQueries({ queryKey: key });
  };
  return (
    <>
      <PageTitle tab={say("invitations/title")}>{say("invitations/title")}</PageTitle>
      {issued === undefined ? (
        <Invite
          organisation={organisation}
          onIssued={(made) => {
            setIssued(made);
            again();
          }}
        />
      ) : (
        <Issued
          of={issued}
          onClose={() => {
            setIssued(undefined);
          }}
        />
      )}
      <Query of={found}>
        {(listing) => <Listed of={listing} organisation={organisation} again={again} />}
      </Query>
    </>
  );
}

type Standing = "used" | "revoked" | "over" | "open";

function standing(of: Invitation, now: number): Standing {
  if (of.used != null) return "used";
  if (of.revoked != null) return "revoked";
  return now < of.expires ? "open" : "over";
}

interface Given {
  readonly of: Listing;
  readonly organisation: string;
  readonly again: () => void;
}

function Listed({ of, organisation, again }: Given): ReactNode {
  const say = useText("portal_operator");
  const staff = useStaff(organisation);
  const back = useMutation({
    mutationFn: (invitation: string) =>
      remove("/v1/organisations/{organisation}/invitations/{invitation}", {
        path: { organisation, invitation },
      }),
    onSettled: again,
  });
  if (of.invitations.length === 0) return <Empty>{say("invitations/none")}</Empty>;
  const names = new Map((staff.data ?? []).map((each) => [each.practitioner, each.name]));
  const columns = ["who", "state", "made", "until", "end"];
  return (
    <>
      <div aria-live="polite">
        {back.error === null ? null : <ProblemNotice error={back.error} />}
      </div>
      <Rows
        caption={say("invitations/caption")}
        columns={columns.map((each) => say(`invitations/columns/${each}`))}
        of={of.invitations.map((each) => {
          const state = standing(each, of.now);
          return {
            key: each.invitation,
            cells: [
              each.name ?? names.get(each.subject) ?? <SubjectName key="who" id={each.subject} />,
              say(`invitations/states/${state}`),
              <Moment key="made" at={each.created} />,
              <Moment key="until" at={each.expires} />,
              state === "open" ? (
                <Button
                  key="end"
                  variant="outline"
                  loading={back.isPending && back.variables === each.invitation}
                  onClick={() => {
                    back.mutate(each.invitation);
                  }}
                >
                  {say("invitations/take_back")}
                </Button>
              ) : (
                say("invitations/nothing_to_end")
              ),
            ],
          };
        })}
      />
    </>
  );
}
