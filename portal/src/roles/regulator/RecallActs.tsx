/** What who issued a recall, or a regulator, may still do: call more packs back, or end it. */
import { Button, Group, NativeSelect, Stack, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { post } from "../../api";
import { ProblemNotice } from "../../components/ProblemNotice";
import { useText } from "../../text";
import { useWho } from "../../who";
import { SectionTitle } from "../public/explorer/SectionTitle";
import "../supply/supply.css";
import { numbersIn, packsOf } from "./recall";

interface Props {
  readonly recall: string;
  /** Whether every pack is called back already. */
  readonly every: boolean;
}

export function RecallActs({ recall, every }: Props): ReactNode {
  const say = useText("portal_regulator");
  return (
    <>
      <SectionTitle>{say("recall_acts/title")}</SectionTitle>
      {every ? null : (
        <details className="trade-box">
          <summary>{say("recall_acts/extend/title")}</summary>
          <Extend recall={recall} />
        </details>
      )}
      <details className="trade-box">
        <summary>{say("recall_acts/end/title")}</summary>
        <End recall={recall} />
      </details>
    </>
  );
}

function useActing(work: (organisation: string) => Promise<unknown>): ReturnType<typeof useMutation<unknown, Error, void>> {
  const organisation = useWho()?.organisation ?? "";
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () => work(organisation),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["oversight"] }),
  });
}

function Extend({ recall }: { recall: string }): ReactNode {
  const say = useText("portal_regulator");
  const [scope, setScope] = useState<"lots" | "serials">("lots");
  const [typed, setTyped] = useState("");
  const [wrong, setWrong] = useState(false);
  const numbers = numbersIn(typed, scope);
  const extending = useActing((organisation) =>
    post("/v1/organisations/{organisation}/supply/recalls/{recall}/extend", {
      path: { organisation, recall }, body: packsOf({ scope, numbers: numbers ?? [] }),
    }));
  const go = (event: SyntheticEvent): void => {
    event.preventDefault();
    setWrong(numbers === undefined);
    if (numbers !== undefined) extending.mutate();
  };
  return (
    <form onSubmit={go} noValidate>
      <Stack gap="md" align="flex-start">
        <p>{say("recall_acts/extend/about")}</p>
        <NativeSelect
          label={say("recall_new/scope")}
          size="md"
          value={scope}
          data={(["lots", "serials"] as const).map((value) => ({ value, label: say(`recall_new/scopes/${value}`) }))}
          onChange={(event) => {
            setScope(event.currentTarget.value === "serials" ? "serials" : "lots");
          }}
        />
        <Textarea
          label={say(`recall_new/numbers/${scope}`)}
          description={say("recall_new/numbers/about")}
          value={typed}
          error={wrong ? say("recall_new/wrong/numbers") : undefined}
          autosize
          minRows={2}
          w="100%"
          spellCheck={false}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
          }}
        />
        {extending.error === null ? null : <ProblemNotice error={extending.error} />}
        {extending.isSuccess ? <p role="status">{say("recall_acts/extend/done")}</p> : null}
        <Button type="submit" size="lg" variant="outline" loading={extending.isPending}>
          {say("recall_acts/extend/do")}
        </Button>
      </Stack>
    </form>
  );
}

function End({ recall }: { recall: string }): ReactNode {
  const say = useText("portal_regulator");
  const ending = useActing((organisation) =>
    post("/v1/organisations/{organisation}/supply/recalls/{recall}/end", { path: { organisation, recall } }));
  return (
    <Stack gap="md" align="flex-start">
      <p>{say("recall_acts/end/about")}</p>
      {ending.error === null ? null : <ProblemNotice error={ending.error} />}
      <Group>
        <Button
          size="lg"
          variant="outline"
          loading={ending.isPending}
          onClick={() => {
            ending.mutate();
          }}
        >
          {say("recall_acts/end/do")}
        </Button>
      </Group>
    </Stack>
  );
}
