/** Voting: with the organisation's key where this device has it, else by command where it is. */
import { Button, Group, Stack } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useMemo, useState } from "react";

import { Query } from "../../components/Query";
import { session } from "../../session";
import { deviceKeys, makeBody, WhatIsSigned } from "../../sign";
import type { Bytes } from "../../sign/bytes";
import { useText } from "../../text";
import { subjectQuery } from "../../components/SubjectName";
import { Command } from "../../components/Command";
import { ProposalSentence } from "./ProposalSentence";
import { type Action, PROPOSALS } from "./proposals";

interface Props {
  readonly proposal: string;
  readonly organisation: string;
  readonly action: Action;
}

/** Nothing, where nobody is signed in any more. */
function ballot(
  proposal: string, approve: boolean, organisation: string, signer: string,
): Bytes | undefined {
  const here = session();
  if (here === undefined) return undefined;
  return makeBody({
    chain: here.chain,
    sender: organisation,
    payer: organisation,
    signers: [signer],
    messages: [{ type: "governance.Vote", proposal, approve }],
    now: Date.now() + here.ahead,
  });
}

export function VoteBox(props: Props): ReactNode {
  // An agent's key is no use here: a member votes with a key of the organisation itself.
  const keys = useQuery({
    queryKey: ["device-keys", props.organisation],
    queryFn: async () => (await deviceKeys(props.organisation)).map((each) => each.id),
    networkMode: "always",
    retry: false,
  });
  return (
    <Query of={keys}>
      {([key]) => (key === undefined ? <ByCommand {...props} /> : <ByKey {...props} signer={key} />)}
    </Query>
  );
}

function ByCommand({ proposal, organisation }: Props): ReactNode {
  const say = useText("portal_operator");
  const command = (approve: "--approve" | "--no-approve"): string =>
    `yilian governance vote --proposal ${proposal} ${approve} --sender ${organisation} --key ${say("vote/key_file")}`;
  return (
    <Stack gap="xs">
      <p>{say("vote/no_key")}</p>
      <p>{say("vote/to_approve")}</p>
      <Command>{command("--approve")}</Command>
      <p>{say("vote/to_oppose")}</p>
      <Command>{command("--no-approve")}</Command>
    </Stack>
  );
}

function ByKey({ proposal, organisation, action, signer }: Props & { signer: string }): ReactNode {
  const say = useText("portal_operator");
  const queries = useQueryClient();
  const [made, setMade] = useState<Bytes>();
  const name = useQuery(subjectQuery(organisation)).data?.value.name;
  const names = useMemo(
    () => (typeof name === "string" ? new Map([[organisation, name]]) : undefined),
    [organisation, name],
  );
  const answered = useCallback(() => {
    void queries.invalidateQueries({ queryKey: PROPOSALS });
  }, [queries]);
  const choose = (approve: boolean): void => {
    setMade(ballot(proposal, approve, organisation, signer));
  };
  const about = (
    <p>
      {say("vote/about")} <ProposalSentence of={action} />
    </p>
  );
  if (made !== undefined) {
    return (
      <>
        {about}
        <WhatIsSigned
          bytes={made}
          {...(names === undefined ? {} : { names })}
          onAnswer={answered}
          onDecline={() => {
            setMade(undefined);
          }}
        />
      </>
    );
  }
  return (
    <>
      {about}
      <Group grow preventGrowOverflow={false}>
        {[true, false].map((approve) => (
          <Button
            key={String(approve)}
            size="lg"
            variant="outline"
            onClick={() => {
              choose(approve);
            }}
          >
            {say(approve ? "vote/approve" : "vote/oppose")}
          </Button>
        ))}
      </Group>
    </>
  );
}
