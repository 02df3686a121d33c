/** Step two: which kinds of records. Sensitive ones stay closed unless they are named. */
import { Checkbox, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useLanguage } from "../../language";
import { usePatientText } from "./acting";
import { type Kind, kinds, sensitive } from "./draft";
import { useKnown } from "./reading";
import type { StepProps } from "./Share";
import { month, useWords } from "./words";

interface Props extends StepProps {
  readonly wanted: readonly string[];
}

export function ShareWhat({ draft, change, wanted }: Props): ReactNode {
  const say = usePatientText();
  return (
    <Query of={useKnown()}>
      {(known) =>
        known.length === 0 ? (
          <Empty>{say("share/no_records")}</Empty>
        ) : (
          <Stack gap="lg">
            <Kinds draft={draft} change={change} of={kinds(known)} wanted={wanted} />
            <Sensitive draft={draft} change={change} of={sensitive(known)} />
          </Stack>
        )
      }
    </Query>
  );
}

function Kinds({ draft, change, of, wanted }: Props & { of: readonly Kind[] }): ReactNode {
  const say = usePatientText();
  const words = useWords();
  const language = useLanguage();
  const about = ({ category, count, newest }: Kind): string => {
    const have = say("share/have", { count, newest: month(newest, language) });
    return wanted.includes(category) ? `${have} ${say("share/asked_for")}` : have;
  };
  return (
    <Checkbox.Group
      label={say("share/what")}
      description={say("share/what_about")}
      value={[...draft.categories]}
      onChange={(categories) => { change({ categories }); }}
    >
      <Stack gap="md" mt="sm">
        {of.map((each) => (
          <Checkbox
            key={each.category}
            size="md"
            value={each.category}
            label={words.of("categories", each.category)}
            description={about(each)}
          />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}

function Sensitive({ draft, change, of }: StepProps & { of: ReadonlyMap<string, number> }): ReactNode {
  const say = usePatientText();
  const words = useWords();
  if (of.size === 0) return null;
  return (
    <Checkbox.Group
      label={say("share/sensitive")}
      description={say("share/sensitive_about")}
      value={[...draft.sensitivities]}
      onChange={(sensitivities) => { change({ sensitivities }); }}
    >
      <Stack gap="md" mt="sm">
        {[...of].map(([label, count]) => (
          <Checkbox
            key={label}
            size="md"
            value={label}
            label={words.of("sensitivities", label)}
            description={say("share/records", { count })}
          />
        ))}
      </Stack>
    </Checkbox.Group>
  );
}
