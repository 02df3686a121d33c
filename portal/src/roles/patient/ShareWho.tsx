/** Step one: which organisation, and who there. */
import { Radio, Stack } from "@mantine/core";
import type { ReactNode } from "react";

import { Practitioner } from "../../components/Practitioner";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { useKnows, useText } from "../../text";
import { usePatientText } from "./acting";
import { INSIDE, type Inside } from "./draft";
import { useMe } from "./reading";
import type { StepProps } from "./Share";
import { type Organisation, useNames, useOrganisations } from "./words";

export function ShareWho({ draft, change }: StepProps): ReactNode {
  const say = usePatientText();
  const name = useNames([draft.grantee]).get(draft.grantee);
  if (draft.ask !== undefined) {
    return <p>{say("share/who_asked", { organisation: name ?? say("looked/unknown_house") })}</p>;
  }
  return (
    <Stack gap="lg">
      <House draft={draft} change={change} />
      {draft.grantee === "" ? null : <Inside draft={draft} change={change} />}
    </Stack>
  );
}

function House({ draft, change }: StepProps): ReactNode {
  const say = usePatientText();
  const word = useText("portal_values");
  const knows = useKnows("portal_values");
  const me = useMe();
  const kind = (each: Organisation): string => {
    const key = `words/${each.value.organisation_kind ?? ""}`;
    return knows(key) ? word(key) : "";
  };
  return (
    <Query of={useOrganisations()}>
      {(found) => {
        const others = found.filter((each) => each.id !== me.organisation && each.value.name != null);
        return others.length === 0 ? (
          <Empty>{say("share/no_organisations")}</Empty>
        ) : (
          <Radio.Group
            label={say("share/who")}
            description={say("share/who_about")}
            value={draft.grantee}
            onChange={(grantee) => { change({ grantee, one: "" }); }}
          >
            <Stack gap="md" mt="sm">
              {others.map((each) => (
                <Radio
                  key={each.id}
                  size="md"
                  value={each.id}
                  label={each.value.name ?? ""}
                  description={kind(each)}
                />
              ))}
            </Stack>
          </Radio.Group>
        );
      }}
    </Query>
  );
}

function Inside({ draft, change }: StepProps): ReactNode {
  const say = usePatientText();
  return (
    <>
      <Radio.Group
        label={say("share/inside")}
        value={draft.inside ?? ""}
        onChange={(inside) => { change({ inside: inside as Inside }); }}
      >
        <Stack gap="md" mt="sm">
          {INSIDE.map((each) => (
            <Radio key={each} size="md" value={each} label={say(`share/insides/${each}`)} />
          ))}
        </Stack>
      </Radio.Group>
      {draft.inside === "one" ? (
        <Practitioner
          organisation={draft.grantee}
          label={say("share/one")}
          value={draft.one}
          change={(one) => { change({ one }); }}
        />
      ) : null}
    </>
  );
}
