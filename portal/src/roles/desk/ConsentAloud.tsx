/** The words to be read aloud, made from the very terms; who heard the yes; then it is recorded. */
import { Button, Group, NativeSelect, Paper, Stack, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { type ReactNode, useRef, useState } from "react";

import { type AnswerOf, post } from "../../api";
import type { components } from "../../api.types";
import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { useLanguage } from "../../language";
import { preparedGrant } from "../../sign";
import { useText } from "../../text";
import { PracticeWho, useOwn } from "../../who";
import { type Draft, requestOf } from "../patient/draft";
import { OpenedTerms } from "../patient/OpenedTerms";
import { useNames } from "../patient/words";
import { Single } from "./Choices";
import type { Entry } from "./entry";
import { Receipt } from "./Receipt";
import { useStaff } from "./staff";
import { StaffChoice } from "./StaffChoice";

const KEEP = "/v1/organisations/{organisation}/persons/{person}/witnessed-consents";
const GIVE = "/v1/organisations/{organisation}/persons/{person}/grants/{grant}/witnessed";
const METHODS = ["in-person", "interpreter", "phone"] as const;
/** Languages and ways of speaking that are heard at desks here (BCP 47). */
const SPOKEN = ["zh-CN", "yue", "nan", "wuu", "hak", "bo", "ug", "mn", "za", "kk", "ko", "en"] as const;

type Evidence = components["schemas"]["NewEvidence"];
type Method = Evidence["method"];
type Given = AnswerOf<typeof GIVE, "post">;
type Ready = Awaited<ReturnType<typeof preparedGrant>>;

interface Props {
  readonly of: Entry;
  readonly draft: Draft;
  readonly change: () => void;
  readonly leave: () => void;
}

export function ConsentAloud({ of, draft, change, leave }: Props): ReactNode {
  const say = useText("portal_desk");
  const own = useOwn();
  const { organisation } = own;
  const names = useNames([draft.grantee]);
  const ready = useQuery({
    queryKey: ["witnessed-prepared", of.person, JSON.stringify(draft)],
    queryFn: async ({ signal }): Promise<Ready> => {
      const asked = requestOf(draft, of.person, Date.now());
      const path = { organisation };
      const made = await post("/v1/organisations/{organisation}/grants/prepare", { path, body: asked, signal });
      return preparedGrant(made, asked);
    },
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  return (
    <Query of={ready}>
      {({ message, opened }) => (
        <Stack gap="lg">
          <Paper component="section" withBorder p="md" aria-label={say("consent/aloud")}>
            <Title order={2}>{say("consent/aloud")}</Title>
            <p>{say("consent/aloud_about")}</p>
            {/* The words are the person's own: they are said as if they signed. */}
            <PracticeWho value={{ subject: of.person, organisation, kind: "person", roles: ["patient"], level: 2 }}>
              <OpenedTerms message={message} opened={opened} names={names} />
            </PracticeWho>
          </Paper>
          <Heard
            of={of}
            grant={message["grant"] as string}
            terms={message["terms"] as string}
            house={names.get(draft.grantee) ?? ""}
            change={change}
            leave={leave}
          />
        </Stack>
      )}
    </Query>
  );
}

interface HeardProps extends Omit<Props, "draft"> {
  readonly grant: string;
  readonly terms: string;
  readonly house: string;
}

function Heard({ of, grant, terms, house, change, leave }: HeardProps): ReactNode {
  const say = useText("portal_desk");
  const staff = useStaff();
  const { organisation } = useOwn();
  const [first, setFirst] = useState("");
  const [second, setSecond] = useState("");
  const [method, setMethod] = useState<Method>();
  const [spoken, setSpoken] = useState("");
  const [statement, setStatement] = useState("");
  const kept = useRef(false);
  const path = { organisation, person: of.person };
  const record = useMutation({
    mutationFn: async (evidence: Evidence): Promise<Given> => {
      // Where only the second half was refused, the evidence is not written twice.
      if (!kept.current) {
        await post(KEEP, { path, body: evidence });
        kept.current = true;
      }
      return post(GIVE, { path: { ...path, grant } });
    },
  });
  const may = [first, second, spoken, statement.trim()].every((each) => each !== "") && method !== undefined;
  const language = useSpoken();
  if (record.data !== undefined) {
    const both = [first, second].map((each) => staff.name(each) ?? each);
    return (
      <Receipt
        title={say("consent/done")}
        facts={[
          [say("enrol/name"), of.name],
          [say("consent/house"), house],
          [say("consent/witnesses"), both.join(" · ")],
          [say("consent/language"), language(spoken)],
          [say("consent/statement"), statement.trim()],
          [say("consent/number"), <code key="grant" translate="no">{grant}</code>],
        ]}
        transaction={record.data.transaction}
        height={record.data.height}
      />
    );
  }
  return (
    <Stack
      component="form"
      gap="md"
      onSubmit={(event) => {
        event.preventDefault();
        if (!may) return;
        record.mutate({ terms, witnesses: [first, second], method, language: spoken, statement: statement.trim() });
      }}
    >
      <Title order={2}>{say("consent/heard")}</Title>
      <Single
        label={say("consent/method")}
        value={method ?? ""}
        change={(chosen) => { setMethod(METHODS.find((each) => each === chosen)); }}
        of={METHODS.map((each) => [each, say(`consent/methods/${each}`)])}
      />
      <NativeSelect
        label={say("consent/language")}
        size="md"
        required
        value={spoken}
        onChange={(event) => { setSpoken(event.currentTarget.value); }}
        data={[
          { value: "", label: say("choose") },
          ...SPOKEN.map((each) => ({ value: each, label: language(each) })),
        ]}
      />
      <Textarea
        label={say("consent/statement")}
        description={say("consent/statement_about")}
        size="md"
        required
        autosize
        minRows={2}
        maxLength={2_000}
        value={statement}
        onChange={(event) => { setStatement(event.currentTarget.value); }}
      />
      <StaffChoice label={say("consent/first")} value={first} change={setFirst} without={second} />
      <StaffChoice label={say("consent/second")} value={second} change={setSecond} without={first} />
      <p>{say("consent/after")}</p>
      <div aria-live="polite">{record.isError ? <ProblemNotice error={record.error} /> : null}</div>
      <Group grow preventGrowOverflow={false}>
        <Button size="lg" variant="outline" disabled={record.isPending} onClick={leave}>
          {say("consent/no")}
        </Button>
        <Button type="submit" size="lg" variant="outline" disabled={!may} loading={record.isPending}>
          {say("consent/yes")}
        </Button>
      </Group>
      <Button size="md" variant="subtle" disabled={record.isPending} onClick={change}>
        {say("consent/change")}
      </Button>
    </Stack>
  );
}

/** The name of a language, in the language of the page. */
function useSpoken(): (tag: string) => string {
  const language = useLanguage();
  const names = new Intl.DisplayNames(language, { type: "language" });
  return (tag) => (tag === "" ? "" : (names.of(tag) ?? tag));
}
