/** One action: what it needs, what it will do in words, and what became of it. */
import { Button, Checkbox, NativeSelect, Stack, Textarea } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";

import { ProblemNotice } from "../../components/ProblemNotice";
import { ProblemError } from "../../problem";
import { useText } from "../../text";
import { type Action, ENDS } from "./allowed";
import { type Done, orderFor, sendLine, useOrganisation } from "./calls";
import { Partner } from "./Partner";
import { siteOf } from "./place";
import { carryOut, type Outcome } from "./waiting";

/** Dispositions of the CBV, the most usual first. */
const REASONS = [
  "damaged",
  "non_conformant",
  "mismatch_instance",
  "mismatch_quantity",
  "no_pedigree_match",
  "needs_replacement",
  "expired",
  "non_sellable_other",
] as const;

/** An action of these pages that the node calls otherwise. */
const CALLED: Readonly<Record<string, string>> = { send_back: "ship", take_back: "return" };
const FINAL = ["dispense", "take_out"];

interface Props {
  readonly action: Action | "take_back";
  readonly units: readonly string[];
  readonly gln: string;
  readonly shipment?: string;
  /** Whether packs that are not in their case can be named. */
  readonly parts?: boolean;
  /** Told what was done: what is shown of the pack changes then, and this panel with it. */
  readonly onDone: (what: DoneOf) => void;
}

export interface DoneOf {
  readonly action: string;
  readonly done: Done;
}

interface Fields {
  readonly reason: string;
  readonly to: string;
  readonly end: string;
  readonly part: boolean;
  readonly missing: string;
}

const EMPTY: Fields = { reason: "", to: "", end: "", part: false, missing: "" };

export function ActionPanel(props: Props): ReactNode {
  const { action, units, gln } = props;
  const say = useText("portal_supply");
  const organisation = useOrganisation();
  const queries = useQueryClient();
  const [fields, setFields] = useState(EMPTY);
  const acting = useMutation({
    mutationFn: (): Promise<Outcome<Done>> => {
      const named = action === "take_out" ? fields.end : (CALLED[action] ?? action);
      const order = orderFor(siteOf(gln), asked(props, fields));
      const line = { organisation, action: named, code: units.join(" "), order, at: Number(order["at"]) };
      return carryOut(line, sendLine);
    },
    networkMode: "always",
    onSuccess: (outcome) => {
      if (outcome.state === "done") props.onDone({ action, done: outcome.done });
      // A refusal too may mean that what is shown is old: that packs are in a case, say.
      void queries.invalidateQueries({ queryKey: ["supply"] });
    },
  });
  const outcome = acting.data;
  if (outcome?.state === "done") return null;
  if (outcome?.state === "waiting") {
    return (
      <div role="status" className="trade-box tone-amber">
        {say("waiting/kept")}
      </div>
    );
  }
  const go = (event: SyntheticEvent): void => {
    event.preventDefault();
    acting.mutate();
  };
  const change = (some: Partial<Fields>): void => {
    setFields({ ...fields, ...some });
  };
  return (
    <form onSubmit={go} className="trade-box">
      <Stack gap="md" align="flex-start">
        <p>{say(`actions/${action}/about`)}</p>
        <Inputs of={props} fields={fields} change={change} />
        {FINAL.includes(action) ? <strong>{say("actions/final")}</strong> : null}
        {outcome === undefined ? null : (
          <ProblemNotice error={new ProblemError(outcome.problem)} />
        )}
        {acting.error === null ? null : <ProblemNotice error={acting.error} />}
        <Button type="submit" size="lg" loading={acting.isPending}>
          {say(`actions/${action}/do`)}
        </Button>
      </Stack>
    </form>
  );
}

function asked(of: Props, fields: Fields): Record<string, unknown> {
  const codes = (text: string): { code: string }[] =>
    text
      .split("\n")
      .map((each) => each.trim())
      .filter((each) => each !== "")
      .map((code) => ({ code }));
  return {
    units: of.units.map((code) => ({ code })),
    ...(of.shipment === undefined ? {} : { shipment: of.shipment }),
    ...(of.action === "quarantine" ? { reason: fields.reason } : {}),
    ...(of.action === "ship" || of.action === "send_back" ? { to: fields.to } : {}),
    ...(of.action === "send_back" ? { returning: true } : {}),
    ...(of.action === "dispense" && fields.part ? { part: true } : {}),
    ...(of.parts === true && fields.missing.trim() !== "" ? { missing: codes(fields.missing) } : {}),
  };
}

interface Inputted {
  readonly of: Props;
  readonly fields: Fields;
  readonly change: (some: Partial<Fields>) => void;
}

function Inputs({ of, fields, change }: Inputted): ReactNode {
  const say = useText("portal_supply");
  const options = (below: string, all: readonly string[]): { value: string; label: string }[] => [
    { value: "", label: say("actions/choose") },
    ...all.map((value) => ({ value, label: say(`${below}/${value}`) })),
  ];
  if (of.action === "quarantine") {
    return (
      <NativeSelect
        label={say("actions/reason")}
        size="lg"
        data={options("reasons", REASONS)}
        value={fields.reason}
        required
        onChange={(event) => {
          change({ reason: event.currentTarget.value });
        }}
      />
    );
  }
  if (of.action === "take_out") {
    return (
      <NativeSelect
        label={say("actions/how")}
        size="lg"
        data={options("ends", ENDS)}
        value={fields.end}
        required
        onChange={(event) => {
          change({ end: event.currentTarget.value });
        }}
      />
    );
  }
  if (of.action === "ship" || of.action === "send_back") {
    return (
      <Partner
        value={fields.to}
        change={(to) => {
          change({ to });
        }}
      />
    );
  }
  if (of.action === "dispense") {
    return (
      <Checkbox
        label={say("actions/part")}
        size="md"
        checked={fields.part}
        onChange={(event) => {
          change({ part: event.currentTarget.checked });
        }}
      />
    );
  }
  if (of.parts === true) {
    return (
      <Textarea
        label={say("actions/missing")}
        description={say("actions/missing_about")}
        value={fields.missing}
        autosize
        minRows={2}
        w="100%"
        spellCheck={false}
        onChange={(event) => {
          change({ missing: event.currentTarget.value });
        }}
      />
    );
  }
  return null;
}
