/** A refusal in four parts: what happened, why, what to do next, and the code to ask by. */
import { Alert, Button, Code, Text } from "@mantine/core";
import type { ReactNode } from "react";

import { asProblem, FAULT } from "../problem";
import { useKnows, useText } from "../text";

interface Props {
  readonly error: unknown;
  readonly retry?: () => void;
}

export function ProblemNotice({ error, retry }: Props): ReactNode {
  const say = useText();
  const knows = useKnows("portal");
  const problem = asProblem(error);
  const own = knows(`problems/${problem.code}/title`) ? problem.code : FAULT;
  const part = (name: "title" | "detail" | "next"): string =>
    problem[name] ?? say(`problems/${own}/${name}`);
  return (
    <Alert color="red" variant="outline" title={part("title")} role="alert" className="problem">
      <Text component="p">{part("detail")}</Text>
      <Text component="p" fw={600}>
        {part("next")}
      </Text>
      {retry === undefined ? null : (
        <Button onClick={retry} variant="outline" mt="xs">
          {say("again")}
        </Button>
      )}
      <Text component="p" size="sm" mt="xs">
        {say("code")} <Code>{problem.code}</Code>
      </Text>
    </Alert>
  );
}
