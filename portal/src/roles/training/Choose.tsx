/** One question with one right answer, asked as often as it takes; each answer is explained. */
import { Button, Radio, Stack } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { useText } from "../../text";

interface Props {
  /** Where its words stand: `question`, `options/…`, `right`, `wrong`. */
  readonly words: string;
  readonly options: readonly string[];
  readonly right: string;
  readonly onRight: () => void;
}

export function Choose({ words, options, right, onRight }: Props): ReactNode {
  const say = useText("portal_training");
  const [chosen, choose] = useState("");
  const [judged, setJudged] = useState<"right" | "wrong">();
  const judge = (event: SyntheticEvent): void => {
    event.preventDefault();
    const found = chosen === right ? "right" : "wrong";
    setJudged(found);
    if (found === "right") onRight();
  };
  return (
    <form onSubmit={judge}>
      <Radio.Group
        label={say(`${words}/question`)}
        value={chosen}
        onChange={(value) => {
          choose(value);
          setJudged(undefined);
        }}
      >
        <Stack gap="md" my="sm">
          {options.map((each) => (
            <Radio key={each} size="md" value={each} label={say(`${words}/options/${each}`)} />
          ))}
        </Stack>
      </Radio.Group>
      <Button type="submit" size="md" disabled={chosen === ""}>
        {say("choose/check")}
      </Button>
      <p role="status">
        {judged === undefined ? null : (
          <>
            <strong>{say(`choose/${judged}`)}</strong> {say(`${words}/${judged}`)}
          </>
        )}
      </p>
    </form>
  );
}
