/** One's own record, opened on this device and held against what the members recorded. */
import { Alert, Button, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useMemo } from "react";
import { Link } from "react-router";

import { ProblemNotice } from "../../components/ProblemNotice";
import { Query } from "../../components/Query";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import type { Read, Reason } from "../../reading";
import { useText } from "../../text";
import { isLarge, linesOf, type OpenedFile } from "./opened";
import { useMe } from "./reading";
import { save } from "./save";
import { Timeline } from "./Timeline";
import { useHereWords } from "./words-here";

/** Each reading is journalled, so nothing is read again by itself. */
const ONCE = { staleTime: Infinity, retry: false } as const;

export function OpenedHere(): ReactNode {
  const say = useText("portal_patient");
  const words = useHereWords();
  const me = useMe();
  const path = usePath();
  const read = useQuery({
    queryKey: ["patient-timeline", me.person, "here"],
    queryFn: async ({ signal }) => (await import("../../reading/here")).readHere(me, signal),
    ...ONCE,
  });
  return (
    <>
      <Alert variant="outline" color="blue">
        <Text component="p" fw={700}>{say("here/title")}</Text>
        <p>{say("here/means")}</p>
        <p>
          <Link to={path("my/reading")}>{say("here/manage")}</Link>
        </p>
      </Alert>
      {read.isError ? (
        <ProblemNotice error={words(read.error)} retry={() => void read.refetch()} />
      ) : (
        <Query of={read}>{(found) => <Found of={found} at={read.dataUpdatedAt} />}</Query>
      )}
    </>
  );
}

function Found({ of, at }: { of: Read; at: number }): ReactNode {
  const say = useText("portal_patient");
  const me = useMe();
  const chain = useQuery({
    queryKey: ["read-here-anchored", me.person, at],
    queryFn: async () => (await import("../../reading/anchored")).anchored(me.organisation, of.opened),
    ...ONCE,
  });
  const wrong = chain.data?.wrong;
  const { entries, files } = useMemo(
    () => linesOf(me.organisation, of.opened.filter((each) => wrong?.includes(each.record) !== true)),
    [me.organisation, of, wrong],
  );
  const apart = new Map<Reason | "not_recorded", string[]>();
  for (const { record, reason } of of.notOpened) {
    apart.set(reason, [...(apart.get(reason) ?? []), record]);
  }
  if (wrong !== undefined && wrong.length > 0) apart.set("not_recorded", [...wrong]);
  return (
    <>
      {[...apart].map(([reason, records]) => <Apart key={reason} reason={reason} records={records} />)}
      <p role="status" className="beside">
        {chain.data === undefined
          ? say("here/checking")
          : say("here/checked", { held: chain.data.held, count: of.opened.length })}
      </p>
      {entries.length === 0 ? <Empty>{say("records/none")}</Empty> : <Timeline of={entries} />}
      {files.length === 0 ? null : <Files of={files} />}
    </>
  );
}

function Apart({ reason, records }: { reason: string; records: readonly string[] }): ReactNode {
  const say = useText("portal_patient");
  return (
    <Alert color="red" variant="outline" role="alert" my="sm">
      <Text component="p" fw={700} c="var(--red-ink)">
        ✗ {say(`here/apart/${reason}/title`, { count: records.length })}
      </Text>
      <p>{say(`here/apart/${reason}/next`)}</p>
      <details>
        <summary>{say("here/numbers")}</summary>
        <ul translate="no">
          {records.map((each) => <li key={each}><code className="id">{each}</code></li>)}
        </ul>
      </details>
    </Alert>
  );
}

function Files({ of }: { of: readonly OpenedFile[] }): ReactNode {
  const say = useText("portal_patient");
  return (
    <>
      <h2>{say("here/files")}</h2>
      <ul className="lines">
        {of.map((each) => (
          <li key={each.record}>
            <span translate="no">{each.mediaType}</span>{" "}
            {isLarge(each) ? (
              say("here/large")
            ) : (
              <Button
                size="md"
                variant="outline"
                onClick={() => { save(new Blob([each.content], { type: "application/octet-stream" }), each.record); }}
              >
                {say("export/take")}
              </Button>
            )}
          </li>
        ))}
      </ul>
    </>
  );
}
