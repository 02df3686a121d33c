/** Whether what a line says is recorded for everybody: checked in this browser, in lists when asked. */
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { get } from "../../api";
import { Moment } from "../../components/Moment";
import { Query } from "../../components/Query";
import { ProofBadge } from "../../proof";
import { useText } from "../../text";
import { useOrganisation } from "./calls";
import { recorded, type Told } from "./recorded";
import type { Listed } from "./Recalls";

/** Shows a proof when somebody asks for it: a list of many lines asks the node for none. */
export function WhenAsked({ children }: { children: ReactNode }): ReactNode {
  const say = useText("portal_supply");
  const [open, setOpen] = useState(false);
  return (
    <details
      onToggle={(event) => {
        setOpen(event.currentTarget.open);
      }}
    >
      <summary className="standing">{say("proof/ask")}</summary>
      {open ? children : null}
    </details>
  );
}

export function ProvedEventWhenAsked(told: Told): ReactNode {
  return (
    <WhenAsked>
      <ProvedEvent {...told} />
    </WhenAsked>
  );
}

export function ProvedRecallWhenAsked({ of }: { of: Listed }): ReactNode {
  return (
    <WhenAsked>
      <ProvedRecall of={of} />
    </WhenAsked>
  );
}

/** An event here: with the next post, everybody can rely on it. */
export function ProvedEvent({ event, at }: Told): ReactNode {
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const told: Told = { event, ...(at === undefined ? {} : { at }) };
  const found = useQuery({
    queryKey: ["supply", organisation, "recorded", told],
    queryFn: ({ signal }) => recorded(organisation, told, signal),
    // What is in a post stays there.
    staleTime: (query) => (query.state.data?.subject === undefined ? 0 : Infinity),
  });
  return (
    <Query of={found}>
      {({ subject, posted }) =>
        subject === undefined ? (
          <p className="standing">{say("proof/waits")}</p>
        ) : (
          <>
            {posted === undefined ? null : (
              <p>
                {say("proof/posted")} <Moment at={posted} />
              </p>
            )}
            <ProofBadge subject={subject} />
          </>
        )
      }
    </Query>
  );
}

/** A recall as the chain has it; what the page shows of it must be that. */
export function ProvedRecall({ of }: { of: Listed }): ReactNode {
  const found = useQuery({
    queryKey: ["supply", "recall", of.recall, of.ended, of.lots],
    queryFn: ({ signal }) =>
      get("/v1/supply/recalls/{id}", { path: { id: of.recall }, query: { proof: true }, signal }),
  });
  const { gtin, issuer, grade, reason, issued, lots } = of;
  return (
    <Query of={found}>
      {({ value, proof }) => {
        const shown = { ...value, gtin, issuer, grade, reason, issued };
        return (
          <ProofBadge
            subject={{
              kind: "state",
              key: `supply/recall/${of.recall}`,
              value: lots.length === 0 && value.lots === undefined ? shown : { ...shown, lots },
              ...(proof == null ? {} : { proof }),
            }}
          />
        );
      }}
    </Query>
  );
}
