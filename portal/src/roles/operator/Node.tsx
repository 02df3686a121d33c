/** The operator's first screen: is my node well, and if not, what do I do now? */
import { Title } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Facts } from "../../components/Facts";
import { Moment } from "../../components/Moment";
import { PageTitle } from "../../components/Page";
import { Query } from "../../components/Query";
import { useLanguage, usePath } from "../../language";
import { useLive } from "../../live";
import { useText } from "../../text";
import type { Tone } from "../../theme";
import { Blocks } from "./Blocks";
import { Command } from "../../components/Command";
import { gaps, median, tone, type Trouble, troubles } from "./health";
import { NODE, type NodeReading, useNode } from "./reading";
import { duration } from "./say";
import { Seats } from "./Seats";

const MARKS: Readonly<Record<Tone, string>> = { green: "✓", amber: "!", red: "✗", blue: "i", grey: "○" };

export default function NodePage(): ReactNode {
  const say = useText("portal_operator");
  const queries = useQueryClient();
  const found = useNode();
  const connection = useLive({ after: "latest" }, () => {
    void queries.invalidateQueries({ queryKey: NODE }, { cancelRefetch: false });
  });
  return (
    <>
      <PageTitle tab={say("node/title")}>{say("node/title")}</PageTitle>
      <Query of={found}>{(read) => <Shown of={read} live={connection === "open"} />}</Query>
    </>
  );
}

function Shown({ of, live }: { of: NodeReading; live: boolean }): ReactNode {
  const say = useText("portal_operator");
  const path = usePath();
  const { status, reasons, seats, blocks, now } = of;
  const silent = seats.filter((each) => !each.signed).length;
  const found = troubles({ reasons, pending: status.pending, newest: status.time, now, silent });
  return (
    <>
      <Verdict of={found} kind={kindOf(status.engine)} />
      <Numbers of={of} live={live} />
      <Seats of={seats} height={status.height} />
      <p>
        <Link to={path("operator/members")}>
          {say("node/all_members")}
        </Link>
      </p>
      <Blocks of={gaps(blocks)} />
      <Keeping kind={kindOf(status.engine)} />
    </>
  );
}

type Kind = "network" | "alone";

function kindOf(engine: string): Kind {
  return engine === "cometbft" ? "network" : "alone";
}

function Verdict({ of, kind }: { of: readonly Trouble[]; kind: Kind }): ReactNode {
  const say = useText("portal_operator");
  const colour = tone(of);
  return (
    <section className={`verdict tone-${colour}`} aria-live="polite">
      <h2>
        <span aria-hidden="true">{MARKS[colour]}</span> {say(`node/verdict/${colour}`)}
      </h2>
      {of.length === 0 ? <p>{say("node/nothing_to_do")}</p> : null}
      {of.map((each) => (
        <div key={each}>
          <p>
            <strong>{say(`node/troubles/${each}/what`)}</strong> {say(`node/troubles/${each}/next`)}
          </p>
          <Command>{say(`node/troubles/${each}/${kind}`)}</Command>
        </div>
      ))}
    </section>
  );
}

function Numbers({ of, live }: { of: NodeReading; live: boolean }): ReactNode {
  const say = useText("portal_operator");
  const language = useLanguage();
  const { status, seats, blocks, took } = of;
  const number = new Intl.NumberFormat(language);
  const between = median(gaps(blocks).map((each) => each.gap));
  const waited = median(took);
  const signed = seats.filter((each) => each.signed).length;
  return (
    <Facts
      of={[
        [say("node/height"), number.format(status.height)],
        [say("node/newest"), <Moment key="newest" at={status.time} />],
        [say("node/pace"), between === undefined ? undefined : duration(between, language)],
        [
          say("node/signed"),
          seats.length === 0 ? undefined : say("node/signed_of", { signed, all: seats.length }),
        ],
        [say("node/pending"), number.format(status.pending)],
        [
          say("node/index"),
          say("node/index_behind", { count: Math.max(0, status.height - status.index_height) }),
        ],
        [say("node/took"), waited === undefined ? undefined : duration(waited, language)],
        [say("node/live"), say(live ? "node/live_yes" : "node/live_no")],
        [say("node/software"), status.version],
        [say("node/chain"), <code key="chain">{status.chain}</code>],
      ]}
    />
  );
}

/** What only the machine itself can tell or do, by command. */
function Keeping({ kind }: { kind: Kind }): ReactNode {
  const say = useText("portal_operator");
  return (
    <section>
      <Title order={2} mt="xl" mb="xs">
        {say("node/keeping/title")}
      </Title>
      <p>{say("node/keeping/about")}</p>
      <Facts
        of={["check", "backup", "keys"].map((each) => [
          say(`node/keeping/${each}`),
          <Command key={each}>{say(`node/keeping/${kind}/${each}`)}</Command>,
        ])}
      />
    </section>
  );
}
