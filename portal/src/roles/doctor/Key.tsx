/** The key by which a doctor signs on this device: whether there is one, and how to get one. */
import { Button, Stack } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { useLive } from "../../live";
import { deviceKeys, makeDeviceKey } from "../../sign";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { KeyWays } from "./KeyWays";
import { OwnKeys } from "./OwnKeys";
import { KEY_QUERY, useSigningKey } from "./signing-key";

const SUITES = ["ed25519", "ecdsa-p256-sha256"];

export default function Key(): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { subject } = useOwn();
  const found = useSigningKey();
  useLive({ after: "latest", capability: "identity", id: subject }, () => {
    void queries.invalidateQueries({ queryKey: [KEY_QUERY] });
  });
  return (
    <>
      <PageTitle tab={say("key/title")}>{say("key/title")}</PageTitle>
      <p>{say("key/about")}</p>
      <div aria-live="polite">
        <Query of={found}>{(key) => (key === null ? <Missing /> : <OwnKeys by={key} />)}</Query>
      </div>
    </>
  );
}

/** A key that was made here and that the chain does not know yet is let in from elsewhere. */
function Missing(): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { subject } = useOwn();
  const waiting = useQuery({
    queryKey: [KEY_QUERY, subject, "waiting"],
    queryFn: async () => (await deviceKeys(subject))[0] ?? null,
  });
  const make = useMutation({
    mutationFn: async () => makeDeviceKey(subject, await allowed()),
    onSuccess: () => queries.invalidateQueries({ queryKey: [KEY_QUERY] }),
  });
  return (
    <Query of={waiting}>
      {(key) =>
        key === null ? (
          <Stack gap="sm" align="flex-start">
            {make.isError ? <ProblemNotice error={make.error} /> : null}
            <Button
              size="lg"
              loading={make.isPending}
              onClick={() => {
                make.mutate();
              }}
            >
              {say("key/make")}
            </Button>
          </Stack>
        ) : (
          <KeyWays of={key} />
        )
      }
    </Query>
  );
}

/** The chain's own signature suites, as far as a browser may know them. */
async function allowed(): Promise<readonly string[]> {
  const genesis = (await get("/v1/genesis")) as { profile?: { signatures?: unknown } };
  const told = genesis.profile?.signatures;
  return Array.isArray(told) ? told.filter((each) => typeof each === "string") : SUITES;
}
