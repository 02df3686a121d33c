/** One of several, or some of several: large enough to be met, and nothing chosen beforehand. */
import { Checkbox, Radio, Stack } from "@mantine/core";
import type { ReactNode } from "react";

type Options = readonly (readonly [value: string, label: string])[];

interface SingleProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly of: Options;
}

export function Single({ label, value, change, of }: SingleProps): ReactNode {
  return (
    <Radio.Group label={label} value={value} onChange={change}>
      <Stack gap="sm" mt="sm">
        {of.map(([each, words]) => (
          <Radio key={each} value={each} label={words} size="md" />
        ))}
      </Stack>
    </Radio.Group>
  );
}

interface ChoicesProps {
  readonly label: string;
  readonly hint: string;
  readonly value: readonly string[];
  readonly change: (value: string[]) => void;
  readonly of: Options;
}

export function Choices({ label, hint, value, change, of }: ChoicesProps): ReactNode {
  return (
    <Checkbox.Group label={label} description={hint} value={[...value]} onChange={change}>
      <Stack gap="sm" mt="sm">
        {of.map(([each, words]) => (
          <Checkbox key={each} value={each} label={words} size="md" />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
