/** Is this pack real? A code typed or scanned, and one clear verdict. */
import { Button, TextInput } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useSearchParams } from "react-router";

import { get } from "../../../api";
import { PageTitle } from "../../../components/Page";
import { Query } from "../../../components/Query";
import { useLanguage } from "../../../language";
import { useText } from "../../../text";
import { CameraDoor } from "./camera/CameraDoor";
import { Verdict } from "./Verdict";

const LONGEST = 512;

export default function Scan(): ReactNode {
  const say = useText("scan");
  const language = useLanguage();
  const [search, setSearch] = useSearchParams();
  const code = search.get("code") ?? "";
  const [typed, setTyped] = useState(code);
  const found = useQuery({
    queryKey: ["scan", language, code],
    queryFn: ({ signal }) => get("/v1/supply/scan", { query: { code }, signal }),
    enabled: code !== "",
    gcTime: 0,
  });
  const show = (wanted: string): void => {
    setTyped(wanted);
    if (wanted === code && wanted !== "") {
      void found.refetch();
    }
    setSearch(wanted === "" ? {} : { code: wanted });
  };
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    show(typed.trim());
  };
  return (
    <>
      <PageTitle tab={say("page/title")}>{say("page/title")}</PageTitle>
      <p>{say("page/introduction")}</p>
      <form onSubmit={look} className="search">
        <TextInput
          label={say("page/code")}
          name="code"
          value={typed}
          onChange={(event) => {
            setTyped(event.currentTarget.value);
          }}
          maxLength={LONGEST}
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          size="lg"
          required
        />
        <Button type="submit" size="lg">
          {say("page/look")}
        </Button>
      </form>
      <CameraDoor found={show} />
      <div aria-live="polite">
        {code === "" ? null : <Query of={found}>{(pack) => <Verdict of={pack} />}</Query>}
      </div>
    </>
  );
}
