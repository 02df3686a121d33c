/** To whom: the organisations that trade here, by their names. */
import { NativeSelect } from "@mantine/core";
import { useQueries, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../api";
import { useText } from "../../text";
import { subjectQuery } from "../../components/SubjectName";
import { useOrganisation } from "./calls";

interface Props {
  readonly value: string;
  readonly change: (organisation: string) => void;
}

export function Partner({ value, change }: Props): ReactNode {
  const say = useText("portal_supply");
  const own = useOrganisation();
  const companies = useQuery({
    queryKey: ["supply", "companies"],
    queryFn: ({ signal }) => get("/v1/supply/companies", { query: { limit: 100 }, signal }),
    staleTime: 60_000,
  });
  const standing = (companies.data?.items ?? []).filter((each) => each.ended === null);
  const others = [...new Set(standing.map((each) => each.organisation))].filter((id) => id !== own);
  const names = useQueries({ queries: others.map((id) => subjectQuery(id)) });
  const options = others.map((id, at) => {
    const name = names[at]?.data?.value.name;
    return { value: id, label: typeof name === "string" ? name : id };
  });
  return (
    <NativeSelect
      label={say("actions/to")}
      size="lg"
      data={[{ value: "", label: say("actions/choose") }, ...options]}
      value={value}
      required
      onChange={(event) => {
        change(event.currentTarget.value);
      }}
    />
  );
}
