/** Following a pack or a lot: where it came from, where it went, what was made of it. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useSearchParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { useText } from "../../text";
import { useWho } from "../../who";
import { Known } from "./Known";
import { Way } from "./Way";

const FIELDS = ["code", "gtin", "lot"] as const;
type Wanted = Record<(typeof FIELDS)[number], string>;
const LONGEST: Wanted = { code: "512", gtin: "14", lot: "20" };

export default function Trace(): ReactNode {
  const say = useText("portal_regulator");
  const organisation = useWho()?.organisation ?? "";
  const [search] = useSearchParams();
  const part = (name: string): string => search.get(name)?.trim() ?? "";
  const wanted: Wanted = { code: part("code"), gtin: part("gtin"), lot: part("lot") };
  const complete = wanted.code !== "" || (wanted.gtin !== "" && wanted.lot !== "");
  return (
    <>
      <PageTitle tab={say("trace/title")}>{say("trace/title")}</PageTitle>
      <p>{say("trace/about")}</p>
      <Search key={search.toString()} wanted={wanted} />
      {complete ? (
        <>
          {wanted.code === "" ? null : <Way organisation={organisation} code={wanted.code} />}
          <Known organisation={organisation} {...wanted} />
        </>
      ) : null}
    </>
  );
}

function Search({ wanted }: { wanted: Wanted }): ReactNode {
  const say = useText("portal_regulator");
  const [, setSearch] = useSearchParams();
  const [typed, setTyped] = useState(wanted);
  const [missing, setMissing] = useState(false);
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    const [code, gtin, lot] = [typed.code.trim(), typed.gtin.trim(), typed.lot.trim()];
    // A code says more than a lot: where both are typed, it is the pack that is followed.
    const asked = code !== "" ? { code } : gtin !== "" && lot !== "" ? { gtin, lot } : undefined;
    setMissing(asked === undefined);
    if (asked !== undefined) setSearch(asked);
  };
  return (
    <form onSubmit={look} role="search" className="search">
      {FIELDS.map((name) => (
        <TextInput
          key={name}
          label={say(`trace/fields/${name}`)}
          name={name}
          value={typed[name]}
          error={missing && name === "code" ? say("trace/missing") : undefined}
          onChange={(event) => {
            setTyped({ ...typed, [name]: event.currentTarget.value });
          }}
          maxLength={Number(LONGEST[name])}
          autoComplete="off"
          spellCheck={false}
        />
      ))}
      <Button type="submit">{say("trace/look")}</Button>
    </form>
  );
}
