/** One's own account: where one is signed in, with which passkeys, and how to end it. */
import { Badge, Button, Table } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { usePath } from "../../language";
import { endOthers, endSession, type OwnAccount, ownAccount } from "../../session";
import { useText } from "../../text";
import { useWho } from "../../who";
import { Leave } from "./Leave";
import { OutsideLinks } from "./OutsideLinks";
import { SteppedNotice } from "./SteppedNotice";

const KEY = ["own-account"];

export default function Account(): ReactNode {
  const say = useText("portal_account");
  const path = usePath();
  const who = useWho();
  return (
    <>
      <PageTitle tab={say("account/title")}>{say("account/title")}</PageTitle>
      {who?.kind === "practitioner" && who.roles.length === 0 ? (
        <p role="status">{say("account/no_licence")}</p>
      ) : null}
      {who?.level === 2 ? (
        <Own />
      ) : (
        <p>
          {say("account/not_in")} <Link to={path("sign-in")}>{say("sign_in/title")}</Link>
        </p>
      )}
    </>
  );
}

function Own(): ReactNode {
  const found = useQuery({ queryKey: KEY, queryFn: ownAccount });
  return (
    <>
      <Query of={found}>
        {(account) => (
          <>
            <Sessions of={account} />
            <Passkeys of={account} />
            <OutsideLinks />
          </>
        )}
      </Query>
      <Leave />
    </>
  );
}

function Sessions({ of }: { of: OwnAccount }): ReactNode {
  const say = useText("portal_account");
  const queries = useQueryClient();
  const again = (): Promise<void> => queries.invalidateQueries({ queryKey: KEY });
  const one = useMutation({ mutationFn: endSession, onSuccess: again });
  const others = useMutation({ mutationFn: endOthers, onSuccess: again });
  return (
    <>
      <div aria-live="polite">
        <SteppedNotice error={one.error ?? others.error} />
      </div>
      <Table.ScrollContainer minWidth={0}>
        <Table captionSide="top">
          <Table.Caption>{say("account/sessions")}</Table.Caption>
          <Table.Thead>
            <Table.Tr>
              <Table.Th scope="col">{say("account/way")}</Table.Th>
              <Table.Th scope="col">{say("account/since")}</Table.Th>
              <Table.Th scope="col">{say("account/seen")}</Table.Th>
              <Table.Th scope="col">{say("account/end")}</Table.Th>
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {of.sessions.map((each) => (
              <Table.Tr key={each.session}>
                <Table.Td>{say(`account/ways/${each.way}`)}</Table.Td>
                <Table.Td>
                  <Moment at={each.created} />
                </Table.Td>
                <Table.Td>
                  <Moment at={each.seen} />
                </Table.Td>
                <Table.Td>
                  {each.own ? (
                    <Badge variant="outline">{say("account/this_one")}</Badge>
                  ) : (
                    <Button
                      variant="outline"
                      loading={one.isPending && one.variables === each.session}
                      onClick={() => {
                        one.mutate(each.session);
                      }}
                    >
                      {say("account/end_one")}
                    </Button>
                  )}
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
      {of.sessions.length > 1 ? (
        <Button
          variant="outline"
          loading={others.isPending}
          onClick={() => {
            others.mutate();
          }}
        >
          {say("account/end_others")}
        </Button>
      ) : null}
    </>
  );
}

function Passkeys({ of }: { of: OwnAccount }): ReactNode {
  const say = useText("portal_account");
  return (
    <>
      <h2>{say("account/passkeys")}</h2>
      <ul>
        {of.passkeys.map((each) => (
          <li key={each.passkey}>
            {say("account/passkey_since")} <Moment at={each.created} />
            {each.used === null ? null : (
              <>
                {say("account/passkey_used")} <Moment at={each.used} />
              </>
            )}
          </li>
        ))}
      </ul>
      <p>{say(of.codes ? "account/codes" : "account/no_codes")}</p>
      <p>{say("account/lost")}</p>
    </>
  );
}
