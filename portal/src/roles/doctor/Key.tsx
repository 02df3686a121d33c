/** The key by which a doctor signs on this device: whether there is one, and how to get one. */
import { Button, Code, Stack } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { get } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { type DeviceKey, deviceKeys, keyProof, makeDeviceKey } from "../../sign";
import { useText } from "../../text";
import { KEY_QUERY, useOwn, useSigningKey } from "./own";

const SUITES = ["ed25519", "ecdsa-p256-sha256"];

export default function Key(): ReactNode {
  const say = useText("portal_doctor");
  const found = useSigningKey();
  return (
    <>
      <PageTitle tab={say("key/title")}>{say("key/title")}</PageTitle>
      <p>{say("key/about")}</p>
      <Query of={found}>
        {(key) => (key === null ? <Missing again={() => void found.refetch()} /> : <Here of={key} />)}
      </Query>
    </>
  );
}

function Here({ of }: { of: DeviceKey }): ReactNode {
  const say = useText("portal_doctor");
  return (
    <p role="status">
      <strong>{say("key/here")}</strong> <Code>{of.id}</Code>
    </p>
  );
}

/** A key that was made here and that the chain does not know yet is handed over as text. */
function Missing({ again }: { again: () => void }): ReactNode {
  const say = useText("portal_doctor");
  const queries = useQueryClient();
  const { subject } = useOwn();
  const made = useQuery({
    queryKey: [KEY_QUERY, subject, "waiting"],
    queryFn: async () => {
      const [key] = await deviceKeys(subject);
      return key === undefined ? null : await handover(key, subject);
    },
  });
  const make = useMutation({
    mutationFn: async () => makeDeviceKey(subject, await allowed()),
    onSuccess: () => queries.invalidateQueries({ queryKey: [KEY_QUERY] }),
  });
  return (
    <Query of={made}>
      {(text) => (
        <Stack gap="sm" align="flex-start">
          {make.isError ? <ProblemNotice error={make.error} /> : null}
          {text === null ? (
            <Button
              size="lg"
              loading={make.isPending}
              onClick={() => {
                make.mutate();
              }}
            >
              {say("key/make")}
            </Button>
          ) : (
            <>
              <p>{say("key/hand_over")}</p>
              <Code block className="exact" data-testid="handover">
                {text}
              </Code>
              <Button size="md" variant="outline" onClick={again}>
                {say("key/look_again")}
              </Button>
            </>
          )}
        </Stack>
      )}
    </Query>
  );
}

/** The message that a key which the chain knows already signs to let this one in. */
async function handover(key: DeviceKey, subject: string): Promise<string> {
  const { suite, public: text } = key.key;
  const proof = await keyProof(key, subject);
  return JSON.stringify({ type: "identity.AddKey", key: { suite, public: text }, proof });
}

/** The chain's own signature suites, as far as a browser may know them. */
async function allowed(): Promise<readonly string[]> {
  const genesis = (await get("/v1/genesis")) as { profile?: { signatures?: unknown } };
  const told = genesis.profile?.signatures;
  return Array.isArray(told) ? told.filter((each) => typeof each === "string") : SUITES;
}
