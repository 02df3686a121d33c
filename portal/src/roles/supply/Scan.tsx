/** First screen: scan or type a code, see what it is, and do what is allowed now. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useRef, useState } from "react";
import { useSearchParams } from "react-router";

import { useText } from "../../text";
import { CameraDoor } from "../public/scan/camera/CameraDoor";
import { useOrganisation } from "./calls";
import { Found } from "./Found";
import { Here } from "./Here";
import { useHere } from "./place";
import { TradePage } from "./TradePage";

const LONGEST = 512;

export default function Scan(): ReactNode {
  const say = useText("portal_supply");
  const here = useHere(useOrganisation());
  const [search, setSearch] = useSearchParams();
  const code = search.get("code") ?? "";
  const [typed, setTyped] = useState(code);
  const [looks, setLooks] = useState(0);
  const field = useRef<HTMLInputElement>(null);
  const show = (wanted: string): void => {
    setTyped(wanted);
    setSearch(wanted === "" ? {} : { code: wanted });
    setLooks((before) => before + 1);
  };
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    show(typed.trim());
    // The next code of a hand scanner replaces this one.
    field.current?.select();
  };
  return (
    <TradePage page="scan">
      <form onSubmit={look} className="search">
        <TextInput
          ref={field}
          label={say("scan/code")}
          description={say("scan/code_about")}
          name="code"
          value={typed}
          maxLength={LONGEST}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          size="lg"
          required
          onChange={(event) => {
            setTyped(event.currentTarget.value);
          }}
        />
        <Button type="submit" size="lg">
          {say("scan/look")}
        </Button>
      </form>
      <CameraDoor found={show} />
      {code === "" ? <p className="standing">{say("scan/begin")}</p> : null}
      {code === "" ? null : <Found key={`${looks} ${code}`} code={code} gln={here.gln} />}
      <Here of={here} />
    </TradePage>
  );
}
