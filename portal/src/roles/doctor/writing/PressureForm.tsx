/** A blood pressure: both values, and when. */
import { Button, Stack } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../../../text";
import type { FormProps } from "../Write";
import { pressureScales } from "./measures";
import { NOTHING, NumberField, ready, type Typed } from "./NumberField";
import { pressure, thisMinute } from "./resources";
import { past, useWhen, WhenField } from "./WhenField";

export function PressureForm({ about, done }: FormProps): ReactNode {
  const say = useText("portal_doctor");
  const moment = useWhen();
  const [high, low] = pressureScales();
  const [upper, setUpper] = useState<Typed>(NOTHING);
  const [lower, setLower] = useState<Typed>(NOTHING);
  const [when, setWhen] = useState(thisMinute);
  const filled = ready(upper, high) && ready(lower, low);
  const turned = filled && Number(upper.text) <= Number(lower.text);
  const may = filled && !turned && past(when);
  const names = { both: say("measures/pressure"), upper: say("measures/sbp"), lower: say("measures/dbp") };
  const send = (): void => {
    if (!may) return;
    const made = { upper: upper.text.trim(), lower: lower.text.trim(), when };
    const said = say("write/said/pressure", { ...made, when: moment(when) });
    done({ content: pressure(about, { names, ...made }), said });
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
      <NumberField label={names.upper} scale={high} value={upper} change={setUpper} />
      <NumberField label={names.lower} scale={low} value={lower} change={setLower} />
      <div role="status">{turned ? say("write/turned") : null}</div>
      <WhenField label={say("write/measured")} value={when} change={setWhen} />
      <Button type="submit" size="lg" disabled={!may}>
        {say("write/look")}
      </Button>
    </Stack>
  );
}
