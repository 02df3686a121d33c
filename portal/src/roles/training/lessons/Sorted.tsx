/** Several packs one after the other, each put where it belongs. */
import { Title } from "@mantine/core";
import { type ReactNode, useState } from "react";

import { useText } from "../../../text";
import { Choose } from "../Choose";
import type { PackName } from "../practice/packs";
import { Scanner } from "./Scanner";
import type { Exercise } from ".";

interface Props extends Exercise {
  /** Where the words of the question stand. */
  readonly words: string;
  readonly places: readonly string[];
  /** Each pack with the place where it belongs. */
  readonly of: readonly (readonly [pack: PackName, place: string])[];
}

export function Sorted({ words, places, of, onDone }: Props): ReactNode {
  const say = useText("portal_training");
  const [sorted, setSorted] = useState<readonly PackName[]>([]);
  const done = (pack: PackName): void => {
    const all = sorted.includes(pack) ? sorted : [...sorted, pack];
    setSorted(all);
    if (all.length === of.length) onDone();
  };
  return (
    <>
      {of.slice(0, sorted.length + 1).map(([pack, place], at) => (
        <section key={pack}>
          <Title order={2} size="h3" mt="lg">
            {say("scanner/pack", { at: at + 1, of: of.length })}
          </Title>
          <Scanner pack={pack}>
            <Choose words={words} options={places} right={place} onRight={() => { done(pack); }} />
          </Scanner>
        </section>
      ))}
    </>
  );
}
