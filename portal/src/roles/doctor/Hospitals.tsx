/** Choosing a hospital or another keeper of records by its name. */
import { NativeSelect } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../api";
import { Query } from "../../components/Query";
import { useText } from "../../text";

const KEEPERS = new Set(["hospital", "clinic", "laboratory", "pharmacy"]);

interface Named {
  readonly id: string;
  readonly name: string;
}

/** The organisations that keep records, by name. */
async function keepers(signal: AbortSignal): Promise<Named[]> {
  const query = { kind: "organisation", limit: 200 };
  const { items } = await get("/v1/identity/subjects", { query, signal });
  const standing = items.filter((each) => each.ended === null);
  const found = await Promise.all(
    standing.map((each) => get("/v1/identity/subjects/{id}", { path: { id: each.id }, signal })),
  );
  return found
    .filter((each) => KEEPERS.has(String(each.value.organisation_kind)))
    .map((each) => ({ id: each.id, name: String(each.value.name) }));
}

interface Props {
  readonly value: string;
  readonly change: (id: string) => void;
  readonly without?: string;
}

export function Hospitals({ value, change, without }: Props): ReactNode {
  const say = useText("portal_doctor");
  const found = useQuery({
    queryKey: ["keepers"],
    queryFn: ({ signal }) => keepers(signal),
    staleTime: 60_000,
  });
  return (
    <Query of={found}>
      {(all) => (
        <NativeSelect
          label={say("hospital/label")}
          size="md"
          required
          value={value}
          onChange={(event) => {
            change(event.currentTarget.value);
          }}
          data={[
            { value: "", label: say("hospital/choose") },
            ...all
              .filter((each) => each.id !== without)
              .map((each) => ({ value: each.id, label: each.name })),
          ]}
        />
      )}
    </Query>
  );
}
