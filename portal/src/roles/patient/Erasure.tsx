/** Erasing one's records: what can go is destroyed, what the law keeps is sealed; certificates. */
import { Alert, Button, Checkbox, Group, Radio, Stack, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";

import { type AnswerOf, post } from "../../api";
import { PageTitle } from "../../components/Page";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { useText } from "../../text";
import { Certificates } from "./Certificates";
import { kinds } from "./draft";
import { type Known, useKnown, useMe } from "./reading";
import { useWords } from "./words";

export type Erased = AnswerOf<"/v1/organisations/{organisation}/erasures", "post">;

export default function ErasurePage(): ReactNode {
  const say = useText("portal_patient");
  const [done, setDone] = useState<Erased>();
  const found = useKnown();
  return (
    <>
      <PageTitle tab={say("erasure/title")}>{say("erasure/title")}</PageTitle>
      {done === undefined ? (
        <Query of={found}>
          {(known) =>
            known.length === 0 ? (
              <Empty>{say("records/none")}</Empty>
            ) : (
              <Choosing known={known} onDone={setDone} />
            )
          }
        </Query>
      ) : (
        <Certificates of={done} />
      )}
    </>
  );
}

interface ChoosingProps {
  readonly known: readonly Known[];
  readonly onDone: (done: Erased) => void;
}

function Choosing({ known, onDone }: ChoosingProps): ReactNode {
  const say = useText("portal_patient");
  const words = useWords();
  const path = usePath();
  const [whole, setWhole] = useState("");
  const [chosen, setChosen] = useState<string[]>([]);
  const records = whole === "all" ? known : known.filter((each) => chosen.includes(each.category));
  return (
    <Stack gap="md">
      <ul>
        {["destroyed", "sealed", "copies", "for_good"].map((each) => (
          <li key={each}>{say(`erasure/about/${each}`)}</li>
        ))}
      </ul>
      <p>
        {say("erasure/first")} <Link to={path("my/data")}>{say("export/title")}</Link>
      </p>
      <Radio.Group label={say("erasure/what")} value={whole} onChange={setWhole}>
        <Stack gap="md" mt="sm">
          <Radio size="md" value="some" label={say("erasure/some")} />
          <Radio size="md" value="all" label={say("erasure/all", { count: known.length })} />
        </Stack>
      </Radio.Group>
      {whole === "some" ? (
        <Checkbox.Group label={say("erasure/kinds")} value={chosen} onChange={setChosen}>
          <Stack gap="md" mt="sm">
            {kinds(known).map((each) => (
              <Checkbox
                key={each.category}
                size="md"
                value={each.category}
                label={words.of("categories", each.category)}
                description={say("share/records", { count: each.count })}
              />
            ))}
          </Stack>
        </Checkbox.Group>
      ) : null}
      {whole === "" || records.length === 0 ? null : (
        <Confirm key={records.length} records={records} all={whole === "all"} onDone={onDone} />
      )}
    </Stack>
  );
}

interface ConfirmProps {
  readonly records: readonly Known[];
  readonly all: boolean;
  readonly onDone: (done: Erased) => void;
}

function Confirm({ records, all, onDone }: ConfirmProps): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const path = usePath();
  const queries = useQueryClient();
  const [sure, setSure] = useState(false);
  const names = records.map((each) => each.record);
  const erase = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/erasures", {
        path: { organisation: me.organisation },
        body: { person: me.person, ...(all ? {} : { records: names }) },
        timeout: 120_000,
      }),
    onSuccess: async (done) => {
      onDone(done);
      await queries.invalidateQueries({ queryKey: ["patient", me.person] });
      queries.removeQueries({ queryKey: ["patient-timeline", me.person] });
    },
  });
  const tooMany = !all && names.length > 1000;
  return (
    <>
      <Title order={2}>{say("erasure/last_look")}</Title>
      {tooMany ? <Alert color="yellow" variant="outline">{say("erasure/too_many")}</Alert> : null}
      <Checkbox
        size="md"
        checked={sure}
        label={say("erasure/sure", { count: names.length })}
        onChange={(event) => { setSure(event.currentTarget.checked); }}
      />
      <div aria-live="polite">{erase.isError ? <ProblemNotice error={erase.error} /> : null}</div>
      <Group grow preventGrowOverflow={false}>
        <Button component={Link} size="lg" variant="outline" to={path("my/data")}>{say("erasure/keep")}</Button>
        <Button
          size="lg"
          variant="outline"
          color="red"
          disabled={!sure || tooMany}
          loading={erase.isPending}
          onClick={() => { erase.mutate(); }}
        >
          {say("erasure/now")}
        </Button>
      </Group>
    </>
  );
}
