/** Letting this device sign for the person: from then on nobody else signs for them. */
import { Button, Checkbox, Group } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, get, post } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { usePath } from "../../language";
import { ProofBadge } from "../../proof";
import { deviceKeys, keyProof, makeDeviceKey } from "../../sign";
import { inWords } from "../../sign/use-signing";
import { useText } from "../../text";
import { Done } from "./Done";
import { type Me, useCustody, useMe } from "./reading";

const CHANGES = ["you", "device", "others", "for_good", "lost"] as const;
const ROUTE = "/v1/organisations/{organisation}/persons/{person}/device-key";

const PATIENCE = 60_000;
/** What a chain signs with whose genesis does not say. */
const ED25519 = ["ed25519"];

type HandedOver = AnswerOf<typeof ROUTE, "post">;

/** Makes a key on this device and has it recorded; asked again, it is the same key. */
async function handOver(me: Me): Promise<HandedOver> {
  const { profile } = await get("/v1/genesis");
  // Never forgotten here: where no answer came, this may be the key that is recorded by now.
  const kept = (await deviceKeys(me.person))[0];
  const made = kept ?? (await makeDeviceKey(me.person, profile?.signatures ?? ED25519));
  const proof = await keyProof(made, me.person);
  return post(ROUTE, { path: { ...me }, body: { key: made.key, proof }, timeout: PATIENCE });
}

export default function Device(): ReactNode {
  const say = useText("portal_patient");
  const custody = useCustody();
  const [done, setDone] = useState<HandedOver>();
  return (
    <>
      <PageTitle tab={say("device/title")}>{say("device/title")}</PageTitle>
      {done !== undefined ? (
        <Done title={say("device/done")}>
          <p>{say("device/now_you")}</p>
          <ProofBadge
            plain
            subject={{ kind: "transaction", hash: done.transaction, shown: { height: done.height } }}
          />
        </Done>
      ) : custody === undefined ? (
        <Loading />
      ) : custody ? (
        <Asking onDone={setDone} />
      ) : (
        <p>{say("device/already")}</p>
      )}
    </>
  );
}

function Asking({ onDone }: { onDone: (done: HandedOver) => void }): ReactNode {
  const say = useText("portal_patient");
  const own = useText("portal_sign");
  const me = useMe();
  const path = usePath();
  const queries = useQueryClient();
  const [sure, setSure] = useState(false);
  const ask = useMutation({
    mutationFn: () => handOver(me),
    onSuccess: onDone,
    onSettled: () => queries.invalidateQueries({ queryKey: ["subject", me.person] }),
  });
  return (
    <>
      <p>{say("device/about")}</p>
      <ul>
        {CHANGES.map((each) => (
          <li key={each}>{say(`device/changes/${each}`)}</li>
        ))}
      </ul>
      <Checkbox
        size="md"
        checked={sure}
        label={say("device/sure")}
        onChange={(event) => { setSure(event.currentTarget.checked); }}
      />
      <div aria-live="polite">
        {ask.isError ? <ProblemNotice error={inWords(ask.error, own)} /> : null}
      </div>
      <Group grow preventGrowOverflow={false} mt="md">
        <Button component={Link} size="lg" variant="outline" to={path("my/data")}>{say("device/keep")}</Button>
        <Button
          size="lg"
          variant="outline"
          disabled={!sure}
          loading={ask.isPending}
          onClick={() => { ask.mutate(); }}
        >
          {say("device/now")}
        </Button>
      </Group>
    </>
  );
}
