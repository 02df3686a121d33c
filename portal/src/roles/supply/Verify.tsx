/** Asking who answers for a product, by name: the answer is kept as evidence on both sides. */
import { Button, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { post } from "../../api";
import { Moment } from "../../components/Moment";
import { ProblemNotice } from "../../components/ProblemNotice";
import { useText } from "../../text";
import { useOrganisation } from "./calls";

const TONES: Readonly<Record<string, readonly [tone: string, mark: string]>> = {
  none: ["green", "✓"],
  data_error: ["amber", "!"],
  suspected_fake: ["red", "✕"],
  not_for_sale: ["red", "✕"],
};

export function Verify({ code }: { code: string }): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const asking = useMutation({
    mutationFn: () =>
      post("/v1/organisations/{organisation}/supply/verifications", {
        path: { organisation },
        body: { code },
      }),
  });
  const said = asking.data;
  const [tone, mark] = TONES[said?.concern ?? ""] ?? ["grey", "?"];
  return (
    <section>
      <Button
        size="lg"
        variant="outline"
        loading={asking.isPending}
        onClick={() => {
          asking.mutate();
        }}
      >
        {say("verify/ask")}
      </Button>
      <p>{say("verify/about")}</p>
      <div aria-live="polite">
        {asking.error === null ? null : <ProblemNotice error={asking.error} />}
        {said === undefined ? null : (
          <div className={`verdict tone-${tone}`}>
            <Title order={2}>
              <span aria-hidden="true">{mark}</span>
              {said.title}
            </Title>
            <p>{said.why}</p>
            <p>
              <strong>{said.do}</strong>
            </p>
            <p>
              {say("verify/kept")} <Moment at={said.at} />
            </p>
          </div>
        )}
      </div>
    </section>
  );
}
