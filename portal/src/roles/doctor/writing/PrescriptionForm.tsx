/** A prescription: which medicine, how much each time, how often, how long; allergies stand above it. */
import { Button, NativeSelect, Stack, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";

import { get } from "../../../api";
import { Query } from "../../../components/Query";
import { useText } from "../../../text";
import { useOwn } from "../../../who";
import type { FormProps } from "../Write";
import { type Dose, DOSES, prescription, thisMinute } from "./resources";

const DOSE = /^(0|[1-9][0-9]{0,6})([.][0-9]{1,4})?$/;
const WHOLE = /^[1-9][0-9]{0,2}$/;
const MOST_TIMES = 24;

export function PrescriptionForm({ about, done }: FormProps): ReactNode {
  const say = useText("portal_doctor");
  const [medicine, setMedicine] = useState("");
  const [dose, setDose] = useState("");
  const [unit, setUnit] = useState<Dose>();
  const [times, setTimes] = useState("");
  const [days, setDays] = useState("");
  const wrong = {
    dose: dose !== "" && (!DOSE.test(dose) || Number(dose) === 0),
    times: times !== "" && (!WHOLE.test(times) || Number(times) > MOST_TIMES),
    days: days !== "" && !WHOLE.test(days),
  };
  const filled = [medicine.trim(), dose, unit, times, days].every((each) => each !== undefined && each !== "");
  const may = filled && !wrong.dose && !wrong.times && !wrong.days;
  const send = (): void => {
    if (!may || unit === undefined) return;
    const word = say(`write/doses/${unit}`);
    const made = { medicine: medicine.trim(), dose, unit, word, times, days, when: thisMinute() };
    const text = say("write/dosage", { dose, unit: word, times, days });
    const said = say("write/said/prescription", { medicine: made.medicine, dosage: text });
    done({ content: prescription(about, { ...made, text }), said });
  };
  return (
    <Stack
      component="form"
      gap="md"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <Allergies person={about.person} />
      <Line label={say("write/medicine")} hint={say("write/medicine_as")} value={medicine} change={setMedicine} />
      <Line
        label={say("write/dose")}
        hint={say("write/number_as")}
        value={dose}
        change={setDose}
        decimal
        {...(wrong.dose ? { error: say("write/unreadable") } : {})}
      />
      <NativeSelect
        label={say("write/dose_unit")}
        size="md"
        required
        value={unit ?? ""}
        onChange={(event) => {
          const chosen = event.currentTarget.value;
          setUnit(DOSES.find((each) => each === chosen));
        }}
        data={[
          { value: "", label: say("hospital/choose") },
          ...DOSES.map((each) => ({ value: each, label: say(`write/doses/${each}`) })),
        ]}
      />
      <Line
        label={say("write/times")}
        value={times}
        change={setTimes}
        decimal
        {...(wrong.times ? { error: say("write/times_wrong") } : {})}
      />
      <Line
        label={say("write/days")}
        value={days}
        change={setDays}
        decimal
        {...(wrong.days ? { error: say("write/days_wrong") } : {})}
      />
      <Button type="submit" size="lg" disabled={!may}>
        {say("write/look")}
      </Button>
    </Stack>
  );
}

interface LineProps {
  readonly label: string;
  readonly value: string;
  readonly change: (value: string) => void;
  readonly hint?: string;
  readonly error?: string;
  readonly decimal?: boolean;
}

function Line({ label, value, change, hint, error, decimal = false }: LineProps): ReactNode {
  return (
    <TextInput
      label={label}
      size="md"
      required
      maxLength={decimal ? 12 : 200}
      autoComplete="off"
      inputMode={decimal ? "decimal" : "text"}
      value={value}
      {...(hint === undefined ? {} : { description: hint })}
      {...(error === undefined ? {} : { error })}
      onChange={(event) => {
        change(decimal ? event.currentTarget.value.trim() : event.currentTarget.value);
      }}
    />
  );
}

/** What this hospital knows of allergies; that it knows of none is said as what it is. */
function Allergies({ person }: { person: string }): ReactNode {
  const say = useText("portal_doctor");
  const { organisation } = useOwn();
  const found = useQuery({
    queryKey: ["allergies", organisation, person],
    queryFn: ({ signal }) =>
      get("/v1/organisations/{organisation}/persons/{person}/timeline", {
        path: { organisation, person },
        query: { type: "AllergyIntolerance" },
        signal,
      }),
    gcTime: 0,
    staleTime: Infinity,
  });
  return (
    <section aria-label={say("write/allergies")}>
      <h2>{say("write/allergies")}</h2>
      <Query of={found}>
        {({ entries }) =>
          entries.length === 0 ? (
            <p>{say("write/no_allergies")}</p>
          ) : (
            <ul>
              {entries.map((each) => (
                <li key={each.sources[0]?.record ?? each.type}>
                  <strong>{each.display ?? say("read/unknown")}</strong>
                </li>
              ))}
            </ul>
          )
        }
      </Query>
    </section>
  );
}
