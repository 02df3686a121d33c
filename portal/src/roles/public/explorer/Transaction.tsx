/** A transaction: first what it says, then who, then what it caused, then the proof. */
import { Button } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { Link, useParams } from "react-router";

import { get } from "../../../api";
import { Facts } from "../../../components/Facts";
import { Moment } from "../../../components/Moment";
import { PageTitle } from "../../../components/Page";
import { ProblemNotice } from "../../../components/ProblemNotice";
import { Query } from "../../../components/Query";
import { ShortId } from "../../../components/ShortId";
import { Empty } from "../../../components/Standing";
import { type EventLike, EventSentence } from "../../../events/EventSentence";
import { useLanguage, usePath } from "../../../language";
import { ProblemError } from "../../../problem";
import { ProofBadge } from "../../../proof";
import { useText } from "../../../text";
import { Asked } from "./Asked";
import { Changed } from "./Changed";
import { SectionTitle } from "./SectionTitle";

interface Outcome {
  readonly height?: number;
  readonly time?: number;
  readonly code: number;
  readonly events: readonly EventLike[];
  readonly refusal?: ProblemError;
}

/** A refused transaction stands in its block too; its address answers with the refusal. */
async function outcome(hash: string, signal: AbortSignal): Promise<Outcome> {
  try {
    const found = await get("/v1/transactions/{hash}", { path: { hash }, signal });
    if (!("events" in found)) {
      return { code: 0, events: [] };
    }
    const { height, time, events } = found;
    return { height, time, code: found.code ?? 0, events: events as EventLike[] };
  } catch (error) {
    if (error instanceof ProblemError && error.problem.height !== undefined) {
      const { height, number = -1 } = error.problem;
      return { height, code: number, events: [], refusal: error };
    }
    throw error;
  }
}

export default function TransactionPage(): ReactNode {
  const say = useText("portal_public");
  const hash = useParams()["hash"] ?? "";
  const language = useLanguage();
  const found = useQuery({
    queryKey: ["transaction", hash, language],
    queryFn: ({ signal }) => outcome(hash, signal),
    refetchInterval: ({ state }) =>
      state.data !== undefined && state.data.height === undefined ? 1_000 : false,
  });
  return (
    <>
      <PageTitle tab={say("explorer/transaction")}>{say("explorer/transaction")}</PageTitle>
      <Query of={found}>{(shown) => <Shown hash={hash} of={shown} />}</Query>
    </>
  );
}

function Shown({ hash, of }: { hash: string; of: Outcome }): ReactNode {
  const say = useText("portal_public");
  const path = usePath();
  if (of.height === undefined) {
    return <p role="status">{say("explorer/pending")}</p>;
  }
  const shown = { height: of.height, code: of.code, events: [...of.events] };
  return (
    <>
      {of.refusal === undefined ? null : <ProblemNotice error={of.refusal} />}
      <Asked hash={hash} />
      <SectionTitle>{say("explorer/caused")}</SectionTitle>
      {of.events.length === 0 ? (
        <Empty>{say("explorer/caused_nothing")}</Empty>
      ) : (
        <ul className="lines">
          {of.events.map((event, at) => (
            <li key={at}>
              <EventSentence event={event} />
            </li>
          ))}
        </ul>
      )}
      <Changed hash={hash} height={of.height} events={of.events} />
      <SectionTitle>{say("explorer/where")}</SectionTitle>
      <Facts
        of={[
          [
            say("explorer/block_name"),
            <Link key="block" to={path(`explorer/blocks/${of.height}`)}>
              {say("explorer/block", { height: of.height })}
            </Link>,
          ],
          [
            say("explorer/time"),
            of.time === undefined ? undefined : <Moment key="time" at={of.time} />,
          ],
          [say("explorer/number"), <ShortId key="hash" id={hash} />],
        ]}
      />
      <SectionTitle>{say("explorer/proof")}</SectionTitle>
      <ProofBadge subject={{ kind: "transaction", hash, shown }} />
      <Button
        component="a"
        href={`/v1/transactions/${hash}/receipt`}
        download={`receipt-${hash.slice(0, 12)}.json`}
        variant="outline"
        mt="md"
      >
        {say("explorer/receipt")}
      </Button>
    </>
  );
}
