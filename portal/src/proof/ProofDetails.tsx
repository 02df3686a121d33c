/** What was proved and by whom: plain words first, then numbers, then papers to take away. */
import { Button, Code, FileButton, Group, Text } from "@mantine/core";
import type { UseQueryResult } from "@tanstack/react-query";
import { type ReactNode, useContext } from "react";

import { Facts } from "../components/Facts";
import { Moment } from "../components/Moment";
import { ProblemNotice } from "../components/ProblemNotice";
import { useText } from "../text";
import { toHex } from "./bytes";
import type { Bytes } from "./bytes";
import type { Checked } from "./check";
import { reasonOf } from "./reasons";
import { NotVerified } from "./refusal";
import { ProofSource } from "./source";
import type { Subject } from "./subject";
import { TrustPanel } from "./TrustPanel";

interface Props {
  readonly subject: Subject;
  readonly found: UseQueryResult<Checked>;
  readonly witness: (data: Bytes) => void;
}

const LEVELS = { "one signer": "one_signer", agreed: "agreed", archived: "archived" };

export function ProofDetails({ subject, found, witness }: Props): ReactNode {
  const say = useText("portal_proof");
  const { data: checked, error } = found;
  const practised = useContext(ProofSource) !== undefined;
  return (
    <div role="group" className="proof-details" aria-label={say("title")}>
      {error instanceof NotVerified ? <Refused reason={error} /> : null}
      {error === null || error instanceof NotVerified ? null : (
        <ProblemNotice error={error} retry={() => void found.refetch()} />
      )}
      {error === null && checked !== undefined ? (
        <Proved subject={subject} checked={checked} witness={witness} />
      ) : null}
      {found.isFetching ? <Text component="p">{say("badge/checking")}</Text> : null}
      {practised ? null : (
        <TrustPanel
          // What is believed may have changed whenever something was checked.
          version={found.dataUpdatedAt + found.errorUpdatedAt}
          again={() => void found.refetch()}
        />
      )}
    </div>
  );
}

function Refused({ reason }: { reason: NotVerified }): ReactNode {
  const say = useText("portal_proof");
  return (
    <div role="alert">
      <Text component="p" fw={700}>
        {say("badge/false")}
      </Text>
      <Text component="p">{say(`reasons/${reasonOf(reason.code)}`)}</Text>
      <Text component="p">{say("refused_next")}</Text>
      <Text component="p" size="sm">
        {say("code")} <Code>{reason.code}</Code>
      </Text>
    </div>
  );
}

function Proved({ subject, checked, witness }: Omit<Props, "found"> & { checked: Checked }): ReactNode {
  const say = useText("portal_proof");
  const { verified, pin, anchored } = checked;
  const { found } = verified;
  const [signers, members] = [found.signers, found.validators.length];
  const absent = found.kind === "state" && found.value === null;
  const refused = found.kind === "transaction" && found.code !== 0;
  const proved = refused ? "refused" : absent ? "absent" : subject.kind;
  return (
    <>
      <Text component="p">{say(`proved/${proved}`)}</Text>
      <Text component="p">{say(`levels/${LEVELS[verified.level]}`, { signers, members })}</Text>
      {verified.warnings.length === 0 ? null : <Text component="p">{say("old")}</Text>}
      {pin.source === "first contact" && pin.compared === null ? (
        <Text component="p">{say("first_contact")}</Text>
      ) : null}
      <h3>{say("numbers")}</h3>
      <Facts
        of={[
          [say("facts/chain"), verified.chain_id],
          [say("facts/block"), verified.height],
          [say("facts/time"), <Moment key="time" at={anchored ?? Date.parse(verified.time)} />],
          [say("facts/transaction"), found.kind === "transaction" ? <Long text={found.hash} /> : null],
          [say("facts/key"), found.kind === "state" ? <Long text={found.key} /> : null],
          [say("facts/signed"), say("facts/signed_by", { signers, members })],
          [say("facts/state"), <Long key="state" text={toHex(found.header.app_hash)} />],
          [say("facts/witnesses"), verified.witnesses.join(", ")],
          [say("facts/witnessed"), verified.witnessed],
        ]}
      />
      <TakeAway paper={checked.paper} subject={subject} witness={witness} />
    </>
  );
}

const Long = ({ text }: { text: string }): ReactNode => (
  <Code translate="no" className="id">
    {text}
  </Code>
);

const COMMAND = "yilian verify {file} --trust trust.json";

function TakeAway({
  paper,
  subject,
  witness,
}: {
  paper: Bytes;
  subject: Subject;
  witness: Props["witness"];
}): ReactNode {
  const say = useText("portal_proof");
  const named = subject.kind === "transaction" ? subject.hash.slice(0, 12) : subject.kind;
  const file = `${subject.kind === "transaction" ? "receipt" : "proof"}-${named}.json`;
  return (
    <>
      <h3>{say("take")}</h3>
      <Text component="p">{say("take_detail")}</Text>
      <Group gap="xs">
        <Button
          variant="outline"
          onClick={() => {
            save(paper, file);
          }}
        >
          {say("download")}
        </Button>
        <FileButton
          onChange={(chosen: File | null) => {
            void chosen?.arrayBuffer().then((data) => {
              witness(new Uint8Array(data));
            });
          }}
        >
          {(props) => (
            <Button variant="outline" {...props}>
              {say("witness")}
            </Button>
          )}
        </FileButton>
      </Group>
      <Text component="p" size="sm">
        <Code translate="no">{COMMAND.replace("{file}", file)}</Code>
      </Text>
    </>
  );
}

/** Hand a paper to the user, byte for byte as it was verified. */
function save(paper: Bytes, name: string): void {
  const link = document.createElement("a");
  const address = URL.createObjectURL(new Blob([new Uint8Array(paper)], { type: "application/json" }));
  link.href = address;
  link.download = name;
  link.click();
  URL.revokeObjectURL(address);
}
