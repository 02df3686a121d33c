/** A pack with its code on it, a field to scan or type it into, and the verdict as it always looks. */
import { Button, Code, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useId, useState } from "react";

import { useLanguage } from "../../../language";
import { useText } from "../../../text";
import { Verdict } from "../../public/scan/Verdict";
import { named, type PackName, packs } from "../practice/packs";

interface Props {
  readonly pack: PackName;
  /** Shown below the verdict, once there is one. */
  readonly children?: ReactNode;
}

export function Scanner({ pack, children }: Props): ReactNode {
  const say = useText("portal_training");
  const scan = useText("scan");
  const language = useLanguage();
  const [typed, setTyped] = useState("");
  const [looked, setLooked] = useState<string>();
  const code = useId();
  const found = looked === undefined ? undefined : named(looked);
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    setLooked(typed);
  };
  return (
    <>
      <p>
        <span id={code}>{say("scanner/on_it")}</span>{" "}
        <Code translate="no">{packs[pack].code}</Code>{" "}
        <Button
          size="md"
          variant="outline"
          onClick={() => {
            setTyped(packs[pack].code);
            setLooked(packs[pack].code);
          }}
        >
          {say("scanner/scan")}
        </Button>
      </p>
      <form onSubmit={look} className="search">
        <TextInput
          label={scan("page/code")}
          description={say("scanner/or_type")}
          value={typed}
          maxLength={512}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          size="lg"
          required
          onChange={(event) => { setTyped(event.currentTarget.value); }}
        />
        <Button type="submit" size="lg">{scan("page/look")}</Button>
      </form>
      <div aria-live="polite">
        {looked === undefined ? null : found === pack ? (
          <Verdict of={packs[found].answers[language]} />
        ) : (
          <p>{say("scanner/another")}</p>
        )}
      </div>
      {found === pack ? children : null}
    </>
  );
}
