/** Who treats a person now, and opening an encounter for a doctor. */
import { Button, NativeSelect, Paper, Stack } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { get, post } from "../../api";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { ShortId } from "../../components/ShortId";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { useStaff } from "./staff";

export const RELATIONS = "relations";

export function Treated({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const { organisation } = useOwn();
  const staff = useStaff();
  const found = useQuery({
    queryKey: [RELATIONS, organisation, person],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/persons/{person}/relations", {
        path: { organisation, person },
        signal,
      }),
  });
  return (
    <Paper component="section" withBorder p="md">
      <h2>{say("treated/title")}</h2>
      <Query of={found}>
        {({ relations }) => {
          const standing = relations.filter((each) => each.stands);
          return standing.length === 0 ? (
            <p>{say("treated/nobody")}</p>
          ) : (
            <ul>
              {standing.map((each) => (
                <li key={each.relation}>
                  {each.team.length === 0
                    ? say("treated/anybody")
                    : each.team.map((one) => staff.name(one) ?? <ShortId key={one} id={one} />)}
                  {each.opened === null ? null : (
                    <>
                      {" · "}
                      {say("treated/since")} <Moment at={each.opened} />
                    </>
                  )}
                </li>
              ))}
            </ul>
          );
        }}
      </Query>
      <Begin person={person} />
    </Paper>
  );
}

function Begin({ person }: { person: string }): ReactNode {
  const say = useText("portal_desk");
  const queries = useQueryClient();
  const { organisation } = useOwn();
  const staff = useStaff();
  const [doctor, setDoctor] = useState("");
  const begin = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/encounters", {
        path: { organisation },
        body: { person, team: doctor === "" ? [] : [doctor] },
      }),
    onSuccess: () => queries.invalidateQueries({ queryKey: [RELATIONS, organisation, person] }),
  });
  const send = (event: SyntheticEvent): void => {
    event.preventDefault();
    begin.mutate();
  };
  return (
    <Stack component="form" gap="sm" onSubmit={send}>
      <NativeSelect
        label={say("treated/doctor")}
        size="md"
        value={doctor}
        onChange={(event) => {
          setDoctor(event.currentTarget.value);
        }}
        data={[
          { value: "", label: say("treated/whoever") },
          ...staff.all.map((each) => ({ value: each.practitioner, label: each.name })),
        ]}
      />
      <Button type="submit" size="lg" loading={begin.isPending}>
        {say("treated/begin")}
      </Button>
      <div role="status">{begin.isSuccess ? say("treated/begun") : null}</div>
      {begin.isError ? <ProblemNotice error={begin.error} /> : null}
    </Stack>
  );
}
