/** Asking the maker by name, with the button of the real page. */
import { type ReactNode, useState } from "react";

import { Verify as Asking } from "../../supply/Verify";
import { Choose } from "../Choose";
import { useHappening } from "../practice/Practice";
import { packs } from "../practice/packs";
import { Scanner } from "./Scanner";
import type { Exercise } from ".";

export function Verify({ onDone }: Exercise): ReactNode {
  const [asked, setAsked] = useState(false);
  useHappening("asked", () => { setAsked(true); });
  return (
    <Scanner pack="nobodys">
      <Asking code={packs.nobodys.code} />
      {asked ? (
        <Choose words="lessons/verify" options={["again", "aside", "sell"]} right="aside" onRight={onDone} />
      ) : null}
    </Scanner>
  );
}
