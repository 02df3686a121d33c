/** The quiz of a course: begun when the learner says so, answered once, judged by the node. */
import { Button, Radio, Stack } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode, SyntheticEvent } from "react";
import { useParams, useSearchParams } from "react-router";

import { get, post } from "../../api";
import { NotFound } from "../../components/Fallback";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { useLanguage } from "../../language";
import { useText } from "../../text";
import { type Attempt, useHouse, useOwnTraining } from "./calls";
import { type Course, courseOf } from "./courses";
import { useAnswers, useForgotten } from "./progress";
import { Result } from "./Result";

const ATTEMPTS = "/v1/organisations/{organisation}/training/attempts";

export default function Quiz(): ReactNode {
  const say = useText("portal_training");
  const course = courseOf(useParams()["course"]);
  const house = useHouse();
  const [search, setSearch] = useSearchParams();
  const attempt = search.get("attempt");
  if (course?.quiz === undefined) return <NotFound />;
  const title = say("quiz/title", { course: say(`courses/${course.name}/title`) });
  const again = (name: string | undefined): void => {
    setSearch(name === undefined ? {} : { attempt: name });
  };
  return (
    <>
      <PageTitle tab={title}>{title}</PageTitle>
      {house === "" ? <p>{say("quiz/sign_in")}</p> : null}
      {house !== "" && attempt === null ? <Begin of={course} onBegun={again} /> : null}
      {house !== "" && attempt !== null ? (
        <Begun key={attempt} attempt={attempt} again={() => { again(undefined); }} />
      ) : null}
    </>
  );
}

function Begin({ of, onBegun }: { of: Course; onBegun: (attempt: string) => void }): ReactNode {
  const say = useText("portal_training");
  const organisation = useHouse();
  const own = useOwnTraining();
  const begin = useMutation({
    mutationFn: () => post(ATTEMPTS, { path: { organisation }, body: { course: of.name } }),
    onSuccess: (made) => {
      onBegun(made.attempt);
    },
  });
  const left = own.data?.courses.find((each) => each.course === of.name)?.left;
  return (
    <>
      <p>{say("quiz/about")}</p>
      {left === undefined ? null : <p>{say("quiz/left", { count: left })}</p>}
      <div aria-live="polite">{begin.isError ? <ProblemNotice error={begin.error} /> : null}</div>
      <Button size="lg" loading={begin.isPending} onClick={() => { begin.mutate(); }}>
        {say("quiz/begin")}
      </Button>
    </>
  );
}

function Begun({ attempt, again }: { attempt: string; again: () => void }): ReactNode {
  const organisation = useHouse();
  const language = useLanguage();
  const found = useQuery({
    queryKey: ["training", organisation, "attempt", attempt, language],
    queryFn: ({ signal }) => get(`${ATTEMPTS}/{attempt}`, { path: { organisation, attempt }, signal }),
    staleTime: Infinity,
  });
  return (
    <Query of={found}>
      {(told) => {
        if (told.state !== "open") return <Over of={told} again={again} />;
        return <Sheet of={told} />;
      }}
    </Query>
  );
}

/** Judged, or too late: what was answered is kept here no longer. */
function Over({ of, again }: { of: Attempt; again: () => void }): ReactNode {
  const say = useText("portal_training");
  useForgotten(of.attempt, true);
  if (of.result != null) return <Result of={of} again={again} />;
  return (
    <>
      <p role="status">{say("quiz/expired")}</p>
      <Button size="lg" onClick={again}>{say("quiz/another")}</Button>
    </>
  );
}

function Sheet({ of }: { of: Attempt }): ReactNode {
  const say = useText("portal_training");
  const organisation = useHouse();
  const queries = useQueryClient();
  const [answers, keep] = useAnswers(of.attempt);
  const path = { organisation, attempt: of.attempt };
  const handIn = useMutation({
    mutationFn: () => post(`${ATTEMPTS}/{attempt}/answers`, { path, body: { answers } }),
    // Without a connection it fails at once and says so; the answers are kept.
    networkMode: "always",
    // Whatever became of it, the node knows; asked again, it tells the result.
    onSettled: () => queries.invalidateQueries({ queryKey: ["training", organisation] }),
  });
  const missing = of.questions.length - Object.keys(answers).length;
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (missing === 0) handIn.mutate();
  };
  return (
    <form onSubmit={send}>
      <p>
        {say("quiz/until")} <Moment at={of.expires} />
      </p>
      <Stack gap="xl">
        {of.questions.map((each, at) => (
          <Radio.Group
            key={each.question}
            label={say("quiz/numbered", { at: at + 1, question: each.text })}
            value={answers[each.question] ?? ""}
            onChange={(chosen) => { keep({ ...answers, [each.question]: chosen }); }}
          >
            <Stack gap="md" mt="sm">
              {each.options.map(({ option, text }) => (
                <Radio key={option} size="md" value={option} label={text} />
              ))}
            </Stack>
          </Radio.Group>
        ))}
      </Stack>
      <p role="status">{missing === 0 ? say("quiz/complete") : say("quiz/missing", { count: missing })}</p>
      <div aria-live="polite">
        {handIn.isError ? (
          <>
            <ProblemNotice error={handIn.error} />
            <p>{say("quiz/kept")}</p>
          </>
        ) : null}
      </div>
      <Button type="submit" size="lg" disabled={missing > 0} loading={handIn.isPending}>
        {say("quiz/hand_in")}
      </Button>
    </form>
  );
}
