/** To whom: the organisations that trade here, by their names. */
import { NativeSelect } from "@mantine/core";
import type { ReactNode } from "react";

import { useText } from "../../text";
import { useNames, useTraders } from "../regulator/traders";
import { useOrganisation } from "./calls";

interface Props {
  readonly value: string;
  readonly change: (organisation: string) => void;
}

export function Partner({ value, change }: Props): ReactNode {
  const say = useText("portal_supply");
  const own = useOrganisation();
  const others = (useTraders().data ?? []).filter((id) => id !== own);
  const options = useNames(others);
  return (
    <NativeSelect
      label={say("actions/to")}
      size="lg"
      data={[{ value: "", label: say("actions/choose") }, ...options]}
      value={value}
      required
      onChange={(event) => {
        change(event.currentTarget.value);
      }}
    />
  );
}
