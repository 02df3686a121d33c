/** What became of a quiz: each answer with what is right and why, and the lesson to read again. */
import { Alert, Button, Text, Title } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import { Link } from "react-router";

import { usePath } from "../../language";
import { useText } from "../../text";
import type { Attempt } from "./calls";

type Judged = NonNullable<Attempt["result"]>["answers"][number];

export function Result({ of, again }: { of: Attempt; again: () => void }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    head.current?.focus();
  }, []);
  const { result } = of;
  if (result == null) return null;
  const asked = result.answers.length;
  const told = result.passed ? "passed" : "failed";
  const wrong = result.answers.filter((each) => each.chosen !== each.right);
  return (
    <>
      <Alert color={result.passed ? "green" : "yellow"} variant="outline" role="status">
        <Title order={2} size="h3" ref={head} tabIndex={-1}>{say(`result/${told}/title`)}</Title>
        <Text component="p">{say("result/count", { correct: result.correct, of: asked })}</Text>
        <Text component="p">{say(`result/${told}/next`)}</Text>
      </Alert>
      {result.credential == null ? (
        <Button size="lg" mt="md" onClick={again}>{say("quiz/another")}</Button>
      ) : (
        <Button
          component={Link}
          to={path(`training/credentials/${result.credential}`)}
          size="lg"
          mt="md"
        >
          {say("result/to_credential")}
        </Button>
      )}
      {wrong.length === 0 ? null : (
        <>
          <Title order={2} mt="lg">{say("result/wrong")}</Title>
          <ul className="lines">
            {wrong.map((each) => <Wrong key={each.question} of={each} attempt={of} />)}
          </ul>
        </>
      )}
    </>
  );
}

function Wrong({ of, attempt }: { of: Judged; attempt: Attempt }): ReactNode {
  const say = useText("portal_training");
  const path = usePath();
  const question = attempt.questions.find((each) => each.question === of.question);
  const text = (option: string): string =>
    question?.options.find((each) => each.option === option)?.text ?? "";
  return (
    <li>
      <strong>{question?.text}</strong>
      <div>{say("result/chosen", { text: text(of.chosen) })}</div>
      <div>{say("result/right", { text: text(of.right) })}</div>
      <div>{of.why}</div>
      <Link to={path(`training/courses/${attempt.course}/${of.lesson}`)}>
        {say("result/read_again", { title: say(`lessons/${of.lesson}/title`) })}
      </Link>
    </li>
  );
}
