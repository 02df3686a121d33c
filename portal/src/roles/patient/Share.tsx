/** Letting somebody see something: who, what, what for and how long; then exactly what is allowed. */
import { Button, Group } from "@mantine/core";
import { type ReactNode, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useMine, usePatientText } from "./acting";
import { answering, type Draft, EMPTY } from "./draft";
import { useWaiting } from "./reading";
import { ShareHow } from "./ShareHow";
import { ShareReview } from "./ShareReview";
import { ShareWhat } from "./ShareWhat";
import { ShareWho } from "./ShareWho";

const STEPS = ["who", "what", "how", "review"] as const;
type Step = (typeof STEPS)[number];

export default function Share(): ReactNode {
  const say = usePatientText();
  const [query] = useSearchParams();
  const ask = query.get("question");
  return (
    <>
      <PageTitle tab={say("share/tab")}>{say("share/title")}</PageTitle>
      {ask === null ? <Steps first={EMPTY} /> : <Answer ask={ask} />}
    </>
  );
}

function Answer({ ask }: { ask: string }): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  return (
    <Query of={useWaiting(ask)}>
      {(found) =>
        found === null ? (
          <p>
            {say("questions/over")} <Link to={mine("questions")}>{say("questions/title")}</Link>
          </p>
        ) : (
          <Steps first={answering(found)} wanted={found.categories} />
        )
      }
    </Query>
  );
}

export interface StepProps {
  readonly draft: Draft;
  readonly change: (more: Partial<Draft>) => void;
}

interface StepsProps {
  readonly first: Draft;
  /** Kinds that somebody asked for. */
  readonly wanted?: readonly string[];
}

function Steps({ first, wanted = [] }: StepsProps): ReactNode {
  const say = usePatientText();
  const mine = useMine();
  const navigate = useNavigate();
  const [draft, setDraft] = useState(first);
  const [step, setStep] = useState<Step>("who");
  const change = (more: Partial<Draft>): void => {
    setDraft({ ...draft, ...more });
  };
  const at = STEPS.indexOf(step);
  const leave = (): void => void navigate(mine("overview"));
  const go = (by: number): void => {
    setStep(STEPS[at + by] ?? "who");
    window.scrollTo(0, 0);
  };
  if (step === "review") {
    return <ShareReview draft={draft} onBack={() => { go(-1); }} onDecline={leave} />;
  }
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        if (ready(step, draft)) go(1);
      }}
    >
      <p className="beside">{say("share/step", { at: at + 1, of: STEPS.length })}</p>
      {step === "who" ? <ShareWho draft={draft} change={change} /> : null}
      {step === "what" ? <ShareWhat draft={draft} change={change} wanted={wanted} /> : null}
      {step === "how" ? <ShareHow draft={draft} change={change} /> : null}
      <div role="status">{ready(step, draft) ? null : say(`share/missing/${step}`)}</div>
      <Group mt="lg">
        <Button size="lg" variant="outline" onClick={() => { if (at === 0) leave(); else go(-1); }}>
          {say("back")}
        </Button>
        <Button size="lg" type="submit" disabled={!ready(step, draft)}>{say("go_on")}</Button>
      </Group>
    </form>
  );
}

const ID = /^[A-Za-z0-9_-]{22}$/;

/** Whether a step holds all that the next one builds on. */
function ready(step: Step, draft: Draft): boolean {
  if (step === "who") {
    const inside = draft.inside === "one" ? ID.test(draft.one) : draft.inside !== undefined;
    return draft.grantee !== "" && inside;
  }
  if (step === "what") return draft.categories.length > 0;
  return draft.purpose !== undefined && (draft.lasts !== "long" || draft.sure);
}
