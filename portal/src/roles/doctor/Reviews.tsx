/** Emergency accesses of the own hospital, and the judgement of those that wait for one. */
import { Button, Group, Paper, Radio, Stack, Text, Textarea } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useCallback, useState } from "react";

import { type AnswerOf, get, post } from "../../api";
import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLive } from "../../live";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useOwn } from "../../who";
import { toSign } from "./signing-key";
import { SignThen } from "./SignThen";
import { WithKey } from "./WithKey";

type Access = AnswerOf<"/v1/organisations/{organisation}/emergencies">["accesses"][number];

const FINDINGS = ["justified", "unjustified"] as const;
type Finding = (typeof FINDINGS)[number];
const KEY = "emergency-accesses";

export default function Reviews(): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: [KEY, organisation],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/emergencies", { path: { organisation }, signal }),
  });
  useLive({ after: "latest", capability: "consent" }, () => {
    void queries.invalidateQueries({ queryKey: [KEY] });
  });
  return (
    <>
      <PageTitle tab={say("reviews/title")}>{say("reviews/title")}</PageTitle>
      <p>{say("reviews/about")}</p>
      <Query of={found}>{({ accesses }) => <Accesses of={accesses} />}</Query>
    </>
  );
}

export function Accesses({ of }: { of: readonly Access[] }): ReactNode {
  const say = useText("portal_doctor");
  if (of.length === 0) {
    return <Empty>{say("reviews/nothing")}</Empty>;
  }
  const first = [...of].sort((one, two) => Number(one.finding !== null) - Number(two.finding !== null));
  return (
    <Stack component="ul" className="lines" gap="sm" aria-label={say("reviews/title")}>
      {first.map((each) => (
        <Paper component="li" withBorder p="md" key={each.access}>
          <One of={each} />
        </Paper>
      ))}
    </Stack>
  );
}

function One({ of }: { of: Access }): ReactNode {
  const say = useText("portal_doctor");
  const { subject } = useOwn();
  const [judging, setJudging] = useState(false);
  const end = useCallback(() => {
    setJudging(false);
  }, []);
  return (
    <>
      <Text component="p" fw={700} size="lg">
        {say(of.finding === null ? "reviews/waits" : `reviews/findings/${of.finding}`)}
      </Text>
      <Facts
        of={[
          [say("reviews/when"), <Moment key="when" at={of.time} />],
          [say("reviews/who"), of.reader === subject ? say("reviews/you") : <SubjectName key="who" id={of.reader} />],
          [say("reviews/where"), <SubjectName key="where" id={of.holder} />],
          [say("reviews/reason"), say(`emergency/reasons/${of.reason}`)],
          [say("reviews/text"), of.text],
          [say("reviews/judged"), of.review ?? ""],
        ]}
      />
      {of.finding !== null ? null : of.reader === subject ? (
        <p>{say("reviews/not_own")}</p>
      ) : judging ? (
        <WithKey>{(key) => <Judge access={of.access} by={key} end={end} />}</WithKey>
      ) : (
        <Button
          size="md"
          mt="sm"
          onClick={() => {
            setJudging(true);
          }}
        >
          {say("reviews/judge")}
        </Button>
      )}
    </>
  );
}

interface JudgeProps {
  readonly access: string;
  readonly by: DeviceKey;
  readonly end: () => void;
}

function Judge({ access, by, end }: JudgeProps): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const own = useOwn();
  const { organisation } = own;
  const [finding, setFinding] = useState<Finding>();
  const [text, setText] = useState("");
  const prepare = useMutation({
    mutationFn: async (judged: Finding) => {
      const made = await post("/v1/organisations/{organisation}/emergencies/{access}/review", {
        path: { organisation, access },
        body: { finding: judged, text },
      });
      return toSign(by, own, { type: "consent.ReviewBreakGlass", ...made });
    },
  });
  const then = useCallback(() => {
    void queries.invalidateQueries({ queryKey: [KEY] });
  }, [queries]);
  if (prepare.data !== undefined) {
    return <SignThen bytes={prepare.data} then={then} leave={end} />;
  }
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (finding !== undefined) prepare.mutate(finding);
  };
  return (
    <Stack component="form" gap="sm" mt="sm" onSubmit={send}>
      <Radio.Group
        label={say("reviews/finding")}
        value={finding ?? ""}
        onChange={(value) => {
          setFinding(FINDINGS.find((each) => each === value));
        }}
        required
      >
        <Stack gap="xs" mt="xs">
          {FINDINGS.map((each) => (
            <Radio key={each} value={each} label={say(`reviews/findings/${each}`)} size="md" required />
          ))}
        </Stack>
      </Radio.Group>
      <Textarea
        label={say("reviews/why")}
        size="md"
        required
        maxLength={2_000}
        autosize
        minRows={2}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value);
        }}
      />
      {prepare.isError ? <ProblemNotice error={prepare.error} /> : null}
      <Group>
        <Button variant="outline" size="md" onClick={end}>
          {say("correct/leave")}
        </Button>
        <Button type="submit" variant="outline" size="md" loading={prepare.isPending}>
          {say("reviews/go_on")}
        </Button>
      </Group>
    </Stack>
  );
}
