/** Choosing somebody who practises at an organisation: by name where it lists them, else by id. */
import { Select, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { type AnswerOf, get } from "../api";
import { ProblemError } from "../problem";
import { useKnows, useText } from "../text";
import { Query } from "./Query";

const LIST = "/v1/organisations/{organisation}/directory";
const OTHER = "other";
const ID_LENGTH = 22;

type Line = AnswerOf<typeof LIST>["practitioners"][number];

/** What an organisation lists; nothing where another node keeps its list. */
async function listed(organisation: string, signal: AbortSignal): Promise<readonly Line[]> {
  try {
    return (await get(LIST, { path: { organisation }, signal })).practitioners;
  } catch (error) {
    if (error instanceof ProblemError && error.problem.status === 404) return [];
    throw error;
  }
}

interface Props {
  readonly organisation: string;
  readonly label: string;
  /** The practitioner's id; empty until one is chosen. */
  readonly value: string;
  readonly change: (practitioner: string) => void;
}

export function Practitioner({ organisation, label, value, change }: Props): ReactNode {
  const found = useQuery({
    queryKey: ["directory", organisation],
    queryFn: ({ signal }) => listed(organisation, signal),
    staleTime: 60_000,
  });
  return (
    <Query of={found}>
      {(lines) => <Chosen key={organisation} lines={lines} label={label} value={value} change={change} />}
    </Query>
  );
}

function Chosen({ lines, label, value, change }: Omit<Props, "organisation"> & { lines: readonly Line[] }): ReactNode {
  const say = useText();
  const knows = useKnows("portal");
  const [byId, setById] = useState(value !== "" && !lines.some((each) => each.practitioner === value));
  const shown = (each: Line): string => {
    const role = `practitioner/roles/${each.role}`;
    return knows(role) ? say("practitioner/named", { name: each.name, role: say(role) }) : each.name;
  };
  return (
    <>
      {lines.length === 0 ? null : (
        <Select
          label={label}
          description={say("practitioner/about")}
          size="md"
          searchable
          nothingFoundMessage={say("practitioner/nobody")}
          value={byId ? OTHER : value === "" ? null : value}
          data={[
            ...lines.map((each) => ({ value: each.practitioner, label: shown(each) })),
            { value: OTHER, label: say("practitioner/other") },
          ]}
          onChange={(chosen) => {
            setById(chosen === OTHER);
            change(chosen === null || chosen === OTHER ? "" : chosen);
          }}
        />
      )}
      {byId || lines.length === 0 ? (
        <TextInput
          label={say("practitioner/id")}
          description={say("practitioner/id_about")}
          size="md"
          value={value}
          maxLength={ID_LENGTH}
          autoComplete="off"
          spellCheck={false}
          onChange={(event) => {
            change(event.currentTarget.value.trim());
          }}
        />
      ) : null}
    </>
  );
}
