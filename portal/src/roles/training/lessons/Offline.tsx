/** The connection goes away and comes back; what was scanned waits meanwhile. In memory alone. */
import { Button, Group, Title } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../../../text";
import { packs } from "../practice/packs";
import type { Exercise } from ".";
import "../../supply/supply.css";

type Stage = "away" | "waits" | "sent";

export function Offline({ onDone }: Exercise): ReactNode {
  const say = useText("portal_training");
  const own = useText("portal_supply");
  const [stage, setStage] = useState<Stage>();
  return (
    <>
      <Group>
        <Button size="lg" variant="outline" disabled={stage !== undefined} onClick={() => { setStage("away"); }}>
          {say("lessons/offline/cut")}
        </Button>
        <Button size="lg" variant="outline" disabled={stage !== "away"} onClick={() => { setStage("waits"); }}>
          {say("lessons/offline/hand_out")}
        </Button>
        <Button
          size="lg"
          variant="outline"
          disabled={stage !== "waits"}
          onClick={() => {
            setStage("sent");
            onDone();
          }}
        >
          {say("lessons/offline/join")}
        </Button>
      </Group>
      <div role="status">
        {stage === "away" ? (
          <section className="verdict tone-grey">
            <Title order={2}>
              <span aria-hidden="true">?</span>
              {own("scan/away/title")}
            </Title>
            <p>{own("scan/away/about")}</p>
          </section>
        ) : null}
        {stage === "waits" ? (
          <section className="trade-box tone-amber">
            <strong>{own("waiting/count", { count: 1 })}</strong>
            <p>{own("waiting/about")}</p>
            <p>
              {own("actions/dispense/name")} <bdi translate="no">{packs.genuine.code}</bdi>
            </p>
          </section>
        ) : null}
        {stage === "sent" ? <p>{say("lessons/offline/sent")}</p> : null}
      </div>
    </>
  );
}
