/** A laboratory value or a vital sign: what, in which unit, how much, when. */
import { Button, NativeSelect, Radio, Stack } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../../../text";
import type { FormProps } from "../Write";
import { measures } from "./measures";
import { NOTHING, NumberField, ready, type Typed } from "./NumberField";
import { measurement, thisMinute } from "./resources";
import { past, useWhen, WhenField } from "./WhenField";

const CATEGORIES = { laboratory: "laboratory", vital: "vital-signs" } as const;

interface Props extends FormProps {
  readonly group: keyof typeof CATEGORIES;
}

export function MeasureForm({ group, about, done }: Props): ReactNode {
  const say = useText("portal_doctor");
  const moment = useWhen();
  const [key, setKey] = useState("");
  const [unit, setUnit] = useState("");
  const [value, setValue] = useState<Typed>(NOTHING);
  const [when, setWhen] = useState(thisMinute);
  const all = measures(group);
  const scales = all.find((each) => each.key === key)?.scales ?? [];
  const scale = scales.length === 1 ? scales[0] : scales.find((each) => each.ucum === unit);
  const what = key === "" ? "" : say(`measures/${key}`);
  const may = scale !== undefined && ready(value, scale) && past(when);
  const send = (): void => {
    if (scale === undefined || !may) return;
    const made = { category: CATEGORIES[group], what, scale, value: value.text.trim(), when };
    const said = say("write/said/measure", {
      what, value: made.value, unit: scale.unit, when: moment(when),
    });
    done({ content: measurement(about, made), said });
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
      <NativeSelect
        label={say(`write/which/${group}`)}
        size="md"
        required
        value={key}
        onChange={(event) => {
          setKey(event.currentTarget.value);
          setUnit("");
          setValue(NOTHING);
        }}
        data={[
          { value: "", label: say("hospital/choose") },
          ...all.map((each) => ({ value: each.key, label: say(`measures/${each.key}`) })),
        ]}
      />
      {scales.length < 2 ? null : (
        <Radio.Group
          label={say("write/unit")}
          description={say("write/unit_about")}
          value={unit}
          onChange={(chosen) => {
            setUnit(chosen);
            setValue(NOTHING);
          }}
        >
          <Stack gap="sm" mt="sm">
            {scales.map((each) => (
              <Radio key={each.ucum} value={each.ucum} label={each.unit} size="md" />
            ))}
          </Stack>
        </Radio.Group>
      )}
      {scale === undefined ? null : (
        <>
          <NumberField label={what} scale={scale} value={value} change={setValue} />
          <WhenField label={say("write/measured")} value={when} change={setWhen} />
          <Button type="submit" size="lg" disabled={!may}>
            {say("write/look")}
          </Button>
        </>
      )}
    </Stack>
  );
}
