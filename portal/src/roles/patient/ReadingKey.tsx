/** A reading key on this device: made, told about, ended. */
import { Alert, Button, Group, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Loading } from "../../components/Standing";
import { useLanguage, usePath } from "../../language";
import { forgetReadingKey } from "../../reading";
import { deviceKeys } from "../../sign";
import { useText } from "../../text";
import { Done } from "./Done";
import { useCustody, useMe, useReadingKey } from "./reading";
import { day } from "./words";
import { useHereWords } from "./words-here";

const FACTS = ["where", "copy", "seen", "lost"] as const;

export default function ReadingKey(): ReactNode {
  const say = useText("portal_patient");
  const custody = useCustody();
  const { data: kept } = useReadingKey();
  const path = usePath();
  return (
    <>
      <PageTitle tab={say("reading/title")}>{say("reading/title")}</PageTitle>
      <p>{say("reading/about")}</p>
      {custody === undefined || kept === undefined ? (
        <Loading />
      ) : custody ? (
        <p>
          {say("reading/custody")} <Link to={path("my/device")}>{say("device/title")}</Link>
        </p>
      ) : kept === null ? (
        <Making />
      ) : (
        <Standing since={kept.made} />
      )}
    </>
  );
}

function Facts(): ReactNode {
  const say = useText("portal_patient");
  return (
    <ul>
      {FACTS.map((each) => <li key={each}>{say(`reading/facts/${each}`)}</li>)}
    </ul>
  );
}

function Making(): ReactNode {
  const say = useText("portal_patient");
  const words = useHereWords();
  const me = useMe();
  const queries = useQueryClient();
  const own = useQuery({
    queryKey: ["device-keys", me.person],
    queryFn: async () => (await deviceKeys(me.person)).length,
    networkMode: "always",
    retry: false,
  });
  const make = useMutation({
    mutationFn: async () => (await import("../../reading/here")).makeReadingKey(me),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["reading-key", me.person] }),
  });
  if (own.data === 0) {
    return (
      <Alert color="yellow" variant="outline">
        <Text component="p" fw={700} c="var(--amber-ink)">{say("no_key/title")}</Text>
        <p>{say("reading/no_signer")}</p>
      </Alert>
    );
  }
  return (
    <>
      <Facts />
      <div aria-live="polite">
        {make.isError ? <ProblemNotice error={words(make.error)} /> : null}
      </div>
      <Button size="lg" loading={make.isPending} onClick={() => { make.mutate(); }}>
        {say("reading/make")}
      </Button>
    </>
  );
}

function Standing({ since }: { since: number }): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const path = usePath();
  const language = useLanguage();
  const queries = useQueryClient();
  const end = useMutation({
    mutationFn: () => forgetReadingKey(me.person),
    onSuccess: async () => {
      // What it opened goes with it.
      queries.removeQueries({ queryKey: ["patient-timeline", me.person] });
      await queries.invalidateQueries({ queryKey: ["reading-key", me.person] });
    },
  });
  return (
    <>
      <Done title={say("reading/stands", { since: day(since, language) })} />
      <Facts />
      <Group grow preventGrowOverflow={false} mt="md">
        <Button component={Link} size="lg" to={path("my/records")}>{say("reading/read")}</Button>
        <Button size="lg" variant="outline" loading={end.isPending} onClick={() => { end.mutate(); }}>
          {say("reading/end")}
        </Button>
      </Group>
    </>
  );
}
