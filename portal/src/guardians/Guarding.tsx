/** Whom one guards: a code for somebody who asks, and what waits for one's approval. */
import { Alert, Button, Group, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { post } from "../api";
import { Moment } from "../components/Moment";
import { PageTitle } from "../components/Page";
import { ProblemNotice } from "../components/ProblemNotice";
import { Query } from "../components/Query";
import { Done } from "../roles/patient/Done";
import { inWords } from "../sign/use-signing";
import { useText } from "../text";
import { useOwn } from "../who";
import { approvalOf, type GuardianKey, makeGuardianKey } from "./keep";
import { KeyCode } from "./KeyCode";
import { type Guarded, useGuarded, useGuardianKeys } from "./reading";

export default function Guarding(): ReactNode {
  const say = useText("portal_guardians");
  const keys = useGuardianKeys();
  return (
    <>
      <PageTitle tab={say("guarding/title")}>{say("guarding/title")}</PageTitle>
      <p>{say("guarding/about")}</p>
      <Query of={keys}>
        {(found) => (
          <>
            <Requests keys={found} />
            <Title order={2} mt="lg">{say("guarding/mine")}</Title>
            {found.length === 0 ? (
              <p>{say("guarding/none")}</p>
            ) : (
              <ul className="lines">
                {found.map((each) => <Line key={each.id} of={each} />)}
              </ul>
            )}
            <Title order={2} mt="lg">{say("guarding/new")}</Title>
            <Make />
          </>
        )}
      </Query>
    </>
  );
}

function Line({ of }: { of: GuardianKey }): ReactNode {
  const say = useText("portal_guardians");
  return (
    <li>
      <strong>{of.label}</strong>
      <div className="beside">{say("guarding/since")} <Moment at={of.made} /></div>
      <details>
        <summary>{say("guarding/code_again")}</summary>
        <Text component="p" translate="no" ff="monospace" style={{ overflowWrap: "anywhere" }}>{of.commitment}</Text>
      </details>
    </li>
  );
}

function Make(): ReactNode {
  const say = useText("portal_guardians");
  const own = useText("portal_sign");
  const { subject } = useOwn();
  const queries = useQueryClient();
  const [label, setLabel] = useState("");
  const make = useMutation({
    mutationFn: () => makeGuardianKey(subject, label.trim()),
    onSuccess: () => {
      setLabel("");
      void queries.invalidateQueries({ queryKey: ["guardian-keys", subject] });
    },
  });
  return (
    <>
      <p>{say("guarding/new_about")}</p>
      {make.data === undefined ? null : (
        <Done title={say("guarding/made", { name: make.data.label })}>
          <p>{say("guarding/hand_over")}</p>
          <Text component="p" translate="no" ff="monospace" style={{ overflowWrap: "anywhere" }}>
            {make.data.commitment}
          </Text>
          <p>{say("guarding/keep_device")}</p>
        </Done>
      )}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          make.mutate();
        }}
      >
        <TextInput
          size="md"
          required
          label={say("guarding/label")}
          description={say("guarding/label_about")}
          value={label}
          maxLength={60}
          autoComplete="off"
          onChange={(event) => { setLabel(event.currentTarget.value); }}
        />
        <div aria-live="polite">
          {make.isError ? <ProblemNotice error={inWords(make.error, own)} /> : null}
        </div>
        <Button size="lg" mt="sm" type="submit" loading={make.isPending}>{say("guarding/make")}</Button>
      </form>
    </>
  );
}

function Requests({ keys }: { keys: readonly GuardianKey[] }): ReactNode {
  const say = useText("portal_guardians");
  const found = useGuarded(keys);
  const [answered, answer] = useState<ReadonlyMap<string, string>>(new Map());
  const [aside, put] = useState<readonly string[]>([]);
  const waiting = (found.data ?? []).filter((each) => !aside.includes(each.recovery));
  return (
    <div aria-live="polite">
      {found.isError ? <ProblemNotice error={found.error} /> : null}
      {[...answered].map(([recovery, words]) => <Done key={recovery} title={words} />)}
      {waiting
        .filter((each) => !answered.has(each.recovery))
        .map((each) => (
          <Request
            key={`${each.recovery}.${each.guardian}`}
            of={each}
            by={keys.find((key) => key.commitment === each.guardian)}
            onApproved={(words) => { answer(new Map([...answered, [each.recovery, words]])); }}
            onAside={() => { put([...aside, each.recovery]); }}
          />
        ))}
      {keys.length > 0 && found.data?.length === 0 ? <p>{say("guarding/nobody_waits")}</p> : null}
    </div>
  );
}

interface Props {
  readonly of: Guarded;
  readonly by: GuardianKey | undefined;
  readonly onApproved: (words: string) => void;
  readonly onAside: () => void;
}

function Request({ of, by, onApproved, onAside }: Props): ReactNode {
  const say = useText("portal_guardians");
  const own = useText("portal_sign");
  const { organisation } = useOwn();
  const approve = useMutation({
    mutationFn: async () => {
      if (by === undefined) throw new Error("no such key");
      const path = { organisation, recovery: of.recovery };
      const body = await approvalOf(by, of);
      return post("/v1/organisations/{organisation}/guarded/{recovery}/approvals", { path, body });
    },
    onSuccess: ({ state, approved, threshold }) => {
      onApproved(say(`request/${state}`, { approved, threshold }));
    },
  });
  if (by === undefined) return null;
  return (
    <Alert color="yellow" variant="outline">
      <Text component="p" fw={700} size="lg" c="var(--amber-ink)">{say("request/who", { name: by.label })}</Text>
      <p>{say("request/check", { name: by.label })}</p>
      <KeyCode of={of.key} />
      <p>{say("request/then")}</p>
      <p className="beside">
        {say("request/so_far", { approved: of.approved, threshold: of.threshold })} <Moment at={of.asked} />
      </p>
      <div aria-live="polite">
        {approve.isError ? <ProblemNotice error={inWords(approve.error, own)} /> : null}
      </div>
      <Group grow preventGrowOverflow={false}>
        <Button size="lg" variant="outline" disabled={approve.isPending} onClick={onAside}>
          {say("request/not")}
        </Button>
        <Button size="lg" variant="outline" loading={approve.isPending} onClick={() => { approve.mutate(); }}>
          {say("request/approve")}
        </Button>
      </Group>
    </Alert>
  );
}
