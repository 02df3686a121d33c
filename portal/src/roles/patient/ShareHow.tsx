/** Step three: what for, and how long. What is for very long is looked at twice. */
import { Checkbox, Radio, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { usePatientText } from "./acting";
import { LASTS, PURPOSES } from "./draft";
import type { StepProps } from "./Share";

export function ShareHow({ draft, change }: StepProps): ReactNode {
  const say = usePatientText();
  return (
    <Stack gap="lg">
      <Radio.Group
        label={say("share/purpose")}
        value={draft.purpose ?? ""}
        onChange={(purpose) => { change({ purpose }); }}
      >
        <Stack gap="md" mt="sm">
          {PURPOSES.map((each) => (
            <Radio key={each} size="md" value={each} label={say(`share/purposes/${each}`)} />
          ))}
        </Stack>
      </Radio.Group>
      <Radio.Group
        label={say("share/lasts")}
        value={draft.lasts}
        onChange={(lasts) => { change({ lasts, sure: false }); }}
      >
        <Stack gap="md" mt="sm">
          {LASTS.map((each) => (
            <Radio
              key={each}
              size="md"
              value={each}
              label={say(`share/times/${each}`)}
              description={say(`share/times_about/${each}`)}
            />
          ))}
        </Stack>
      </Radio.Group>
      {draft.lasts === "long" ? (
        <Checkbox
          size="md"
          checked={draft.sure}
          label={say("share/sure")}
          onChange={(event) => { change({ sure: event.currentTarget.checked }); }}
        />
      ) : null}
    </Stack>
  );
}
