/** One permission: who, what, until when, last read; and the way to stop it. */
import { Button } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { Moment } from "../../components/Moment";
import { useLanguage } from "../../language";
import { useMay, usePatientText } from "./acting";
import { GrantReceipt } from "./GrantReceipt";
import { type PersonGrant } from "./reading";
import { Stop } from "./Stop";
import { day, useNames, useWords } from "./words";

interface Props {
  readonly of: PersonGrant;
  readonly read: number | undefined;
  /** Told when the reader begins to stop it: it stays in sight then, whatever it becomes. */
  readonly onBegin: () => void;
}

export function GrantLine({ of, read, onBegin }: Props): ReactNode {
  const say = usePatientText();
  const language = useLanguage();
  const [stopping, setStopping] = useState(false);
  const reads = useMay("read");
  const stops = useMay("revoke");
  const house = of.terms?.grantee ?? "";
  const organisation = useNames([house]).get(house) ?? say("looked/unknown_house");
  const open = of.status === "standing" || of.status === "waiting";
  return (
    <li>
      <strong>{organisation}</strong>
      <div><What of={of} /></div>
      <div>
        {say(`access/${of.status}`, { ends: day(of.ends, language), starts: day(of.starts, language) })}
      </div>
      <span className="beside" hidden={!reads}>
        {say(read === undefined ? "access/never_read" : "access/last_read")}{" "}
        {read === undefined ? null : <Moment at={read} />}
      </span>
      <GrantReceipt grant={of.grant} of={organisation} />
      {open && stops && !stopping ? (
        <Button
          variant="outline"
          size="md"
          aria-label={say("stop/begin_of", { organisation })}
          onClick={() => {
            onBegin();
            setStopping(true);
          }}
        >
          {say("stop/begin")}
        </Button>
      ) : null}
      {stopping ? (
        <Stop
          grant={of.grant}
          organisation={organisation}
          house={house}
          onDecline={() => { setStopping(false); }}
        />
      ) : null}
    </li>
  );
}

function What({ of }: { of: PersonGrant }): ReactNode {
  const say = usePatientText();
  const words = useWords();
  const { terms } = of;
  if (terms === null) return say("access/unknown");
  if (terms.purposes.includes("replica")) return say("access/replica");
  const one = terms.practitioner != null || (terms.team ?? []).length > 0;
  const role = terms.role ?? "";
  const who = say(one ? "access/one" : role === "" ? "access/anybody" : "access/role", {
    role: words.of("role", role),
  });
  const what =
    terms.records == null
      ? words.list("categories", terms.categories ?? [])
      : say("access/records", { count: terms.records.length });
  return say("access/what", { who, what, purpose: words.list("purposes", terms.purposes) });
}
