/** The explorer: look something up, and see what is recorded as it happens. */
import { Button, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { useSearchParams } from "react-router";

import { PageTitle } from "../../../components/Page";
import { useText } from "../../../text";
import { Found } from "./Found";
import { Newest } from "./Newest";

export default function Explorer(): ReactNode {
  const say = useText("portal_public");
  const [search] = useSearchParams();
  const wanted = search.get("find") ?? "";
  return (
    <>
      <PageTitle tab={say("explorer/title")}>{say("explorer/title")}</PageTitle>
      <p>{say("explorer/about")}</p>
      <Search key={wanted} wanted={wanted} />
      {wanted === "" ? <Newest /> : <Found wanted={wanted} />}
    </>
  );
}

function Search({ wanted }: { wanted: string }): ReactNode {
  const say = useText("portal_public");
  const [, setSearch] = useSearchParams();
  const [typed, setTyped] = useState(wanted);
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    setSearch(typed.trim() === "" ? {} : { find: typed.trim() });
  };
  return (
    <form onSubmit={look} role="search" className="search">
      <TextInput
        label={say("explorer/find")}
        description={say("explorer/find_what")}
        name="find"
        value={typed}
        onChange={(event) => {
          setTyped(event.currentTarget.value);
        }}
        maxLength={200}
        autoComplete="off"
        spellCheck={false}
      />
      <Button type="submit">{say("explorer/look")}</Button>
    </form>
  );
}
