/** Opening records elsewhere under a grant: signed with the device's key, recorded, then read. */
import { Button, NativeSelect } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Loading } from "../../components/Standing";
import type { Bytes, DeviceKey } from "../../sign";
import { useText } from "../../text";
import { SubjectName } from "../../components/SubjectName";
import { useOwn } from "../../who";
import type { Received } from "./Elsewhere";
import { toSign } from "./signing-key";
import { Readings } from "./Readings";
import { SignThen } from "./SignThen";
import { useWaiting } from "./Waiting";

interface Props {
  readonly of: Received;
  readonly by: DeviceKey;
  readonly leave: () => void;
}

/** A grant may open only while the person is treated here: then the doctor says who it is. */
export function OpenGrant({ of, by, leave }: Props): ReactNode {
  const [person, setPerson] = useState<string>();
  if (of.conditions.includes("encounter") && person === undefined) {
    return <Treated choose={setPerson} leave={leave} />;
  }
  return <Sign of={of} by={by} leave={leave} person={person} />;
}

function Treated({ choose, leave }: { choose: (person: string) => void; leave: () => void }): ReactNode {
  const say = useText("portal_doctor");
  const waiting = useWaiting();
  return (
    <Query of={waiting}>
      {(persons) => (
        <>
          <NativeSelect
            label={say("elsewhere/whom")}
            description={say("elsewhere/only_treated")}
            size="md"
            value=""
            onChange={(event) => {
              choose(event.currentTarget.value);
            }}
            data={[
              { value: "", label: say("elsewhere/choose") },
              ...persons.map((each) => ({
                value: each.person,
                label: each.name ?? say("waiting/nameless"),
              })),
            ]}
          />
          <Button variant="outline" size="md" mt="md" onClick={leave}>
            {say("elsewhere/back")}
          </Button>
        </>
      )}
    </Query>
  );
}

interface Prepared {
  readonly session: string;
  readonly bytes: Bytes;
}

/** Prepared once, when the grant was chosen. */
function Sign({ of, by, leave, person }: Props & { person: string | undefined }): ReactNode {
  const say = useText("portal_doctor");
  const own = useOwn();
  const { organisation } = own;
  const prepared = useQuery({
    queryKey: ["open-session", of.grant],
    queryFn: async (): Promise<Prepared> => {
      const purpose = of.purposes.includes("treat") ? "treat" : (of.purposes[0] ?? "treat");
      const { session, terms, ends } = await post("/v1/organisations/{organisation}/sessions", {
        path: { organisation },
        body: { grant: of.grant, purpose, role: of.role },
      });
      const message = { type: "consent.OpenSession", session, terms, ends };
      return { session, bytes: toSign(by, own, message) };
    },
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  const read = useMutation({
    mutationFn: (session: string) =>
      post("/v1/organisations/{organisation}/sessions/{session}/read", {
        path: { organisation, session },
        ...(person === undefined ? {} : { query: { person } }),
      }),
  });
  if (read.data !== undefined) {
    return (
      <>
        <p>
          <SubjectName id={of.holder} />
        </p>
        <Readings records={read.data.records} refused={read.data.refused} />
        <Button variant="outline" size="md" onClick={leave}>
          {say("elsewhere/back")}
        </Button>
      </>
    );
  }
  const open = (): void => {
    if (prepared.data !== undefined) read.mutate(prepared.data.session);
  };
  return (
    <>
      <Query of={prepared}>
        {({ bytes }) => <SignThen bytes={bytes} then={open} leave={leave} />}
      </Query>
      {read.isPending ? <Loading /> : null}
      {read.isError ? <ProblemNotice error={read.error} retry={open} /> : null}
    </>
  );
}
