/** Setting the second factor up after joining: a QR code for the app, and a first code back. */
import { Button, Code, Stack } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { ProblemError } from "../../problem";
import { enrolFactor, type NewFactor } from "../../session";
import { useText } from "../../text";
import { Leave } from "./Leave";
import { ByKey, CodeForm } from "./SecondFactor";
import { Stage } from "./Stage";
import { SteppedNotice } from "./SteppedNotice";

const SET_UP_ALREADY = "sign_in.factor_not_wanted";

export function SetUpFactor({ done }: { done: () => void }): ReactNode {
  const say = useText("portal_account");
  const step = useMutation({ mutationFn: enrolFactor });
  const already =
    step.error instanceof ProblemError && step.error.problem.code === SET_UP_ALREADY;
  return (
    <Stage title={say("set_up/title")}>
      <p>{say("set_up/about")}</p>
      {step.data !== undefined ? (
        <NewCodes factor={step.data} done={done} />
      ) : already ? (
        <>
          <p>{say("set_up/already")}</p>
          <CodeForm done={done} />
        </>
      ) : (
        <Stack gap="sm" align="flex-start">
          <div aria-live="polite">
            <SteppedNotice error={step.error} />
          </div>
          <Button
            size="lg"
            loading={step.isPending}
            onClick={() => {
              step.mutate();
            }}
          >
            {say("set_up/begin")}
          </Button>
        </Stack>
      )}
      <ByKey done={done} />
      <Leave />
    </Stage>
  );
}

function NewCodes({ factor, done }: { factor: NewFactor; done: () => void }): ReactNode {
  const say = useText("portal_account");
  const { side, path } = factor.qr;
  const grouped = factor.secret.replace(/(.{4})(?=.)/g, "$1 ");
  return (
    <Stack gap="sm" align="flex-start">
      <p>{say("set_up/scan")}</p>
      <svg
        viewBox={`0 0 ${side} ${side}`}
        width="220"
        height="220"
        role="img"
        aria-label={say("set_up/qr")}
        shapeRendering="crispEdges"
      >
        <rect width={side} height={side} fill="#fff" />
        <path d={path} fill="#000" />
      </svg>
      <p>
        {say("set_up/type")} <Code>{grouped}</Code>
      </p>
      <CodeForm done={done} />
    </Stack>
  );
}
