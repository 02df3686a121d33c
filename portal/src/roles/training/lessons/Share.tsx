/** Let one clinic see one kind of records for 30 days; the sentence is made as it really is. */
import { Button, Group } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { useText } from "../../../text";
import { Done } from "../../patient/Done";
import { type Draft, EMPTY } from "../../patient/draft";
import { ShareHow } from "../../patient/ShareHow";
import { ShareWhat } from "../../patient/ShareWhat";
import { useWorld } from "../practice/Practice";
import { Terms } from "./Terms";
import type { Exercise } from ".";

const FILE = "portal_training";
const WANTED = "laboratory";
type Step = "what" | "how" | "review" | "allowed" | "refused";

export function Share({ onDone }: Exercise): ReactNode {
  const say = useText(FILE);
  const own = useText("portal_patient");
  const world = useWorld();
  const [draft, setDraft] = useState<Draft>({ ...EMPTY, grantee: world.clinic, inside: "doctors" });
  const [step, setStep] = useState<Step>("what");
  const change = (more: Partial<Draft>): void => {
    setDraft({ ...draft, ...more });
  };
  const ready = step === "what" ? draft.categories.length > 0 : draft.purpose !== undefined;
  const fits = draft.categories.join() === WANTED && draft.sensitivities.length === 0 && draft.lasts === "month";
  if (step === "allowed" || step === "refused") {
    const good = step === "allowed" && fits;
    return (
      <>
        {good ? <Done title={say("lessons/share/right")} /> : (
          <p role="status">{say(step === "refused" ? "lessons/share/refused" : "lessons/share/wrong")}</p>
        )}
        {good ? null : <Button onClick={() => { setStep("what"); }}>{say("choose/again")}</Button>}
      </>
    );
  }
  if (step === "review") {
    return (
      <Review
        draft={draft}
        onAnswer={(answer) => {
          setStep(answer);
          if (answer === "allowed" && fits) onDone();
        }}
        onBack={() => { setStep("how"); }}
      />
    );
  }
  const go = (event: SyntheticEvent): void => {
    event.preventDefault();
    if (ready) setStep(step === "what" ? "how" : "review");
  };
  return (
    <form onSubmit={go}>
      <p>{say("lessons/share/who", { organisation: world.nameOf(world.clinic) })}</p>
      {step === "what" ? <ShareWhat draft={draft} change={change} wanted={[]} /> : null}
      {step === "how" ? <ShareHow draft={draft} change={change} /> : null}
      <div role="status">{ready ? null : own(`share/missing/${step}`)}</div>
      <Group mt="lg">
        {step === "how" ? (
          <Button size="lg" variant="outline" onClick={() => { setStep("what"); }}>{own("back")}</Button>
        ) : null}
        <Button size="lg" type="submit" disabled={!ready}>{own("go_on")}</Button>
      </Group>
    </form>
  );
}

interface ReviewProps {
  readonly draft: Draft;
  readonly onAnswer: (answer: "allowed" | "refused") => void;
  readonly onBack: () => void;
}

function Review({ draft, onAnswer, onBack }: ReviewProps): ReactNode {
  const own = useText("portal_patient");
  return (
    <>
      <Terms of={draft}>
        <Group grow preventGrowOverflow={false}>
          <Button size="lg" variant="outline" onClick={() => { onAnswer("refused"); }}>
            {own("share/refuse")}
          </Button>
          <Button size="lg" variant="outline" onClick={() => { onAnswer("allowed"); }}>
            {own("share/allow")}
          </Button>
        </Group>
      </Terms>
      <Button size="md" variant="subtle" onClick={onBack}>{own("share/change")}</Button>
    </>
  );
}
