/** Opening what a member posted: which packs were made, went to whom, and ended. For a regulator. */
import { Button, NativeSelect, Stack, TextInput } from "@mantine/core";
import { type ReactNode, type SyntheticEvent, useState } from "react";
import { Link, useSearchParams } from "react-router";

import { PageTitle } from "../../components/Page";
import { Empty } from "../../components/Standing";
import { usePath } from "../../language";
import { session } from "../../session";
import { useText } from "../../text";
import { Opened } from "./Opened";
import { SPANS, timeOf } from "./posts";
import { useNames, useOwnKind, useTraders } from "./traders";

export default function Posts(): ReactNode {
  const say = useText("portal_regulator");
  const path = usePath();
  const kind = useOwnKind();
  const [search, setSearch] = useSearchParams();
  const member = search.get("member") ?? "";
  const [since, until] = [Number(search.get("since")), Number(search.get("until"))];
  const asked = member !== "" && since > 0 && until >= since;
  return (
    <>
      <PageTitle tab={say("posts/title")}>{say("posts/title")}</PageTitle>
      <p>
        <Link to={path("oversight/now")}>{say("recall/back")}</Link>
      </p>
      {kind === undefined || kind === "regulator" ? (
        <>
          <p>{say("posts/about")}</p>
          <Ask
            member={member}
            open={(wanted) => {
              setSearch(wanted);
            }}
          />
          <div aria-live="polite">
            {asked ? (
              <Opened
                key={search.toString()}
                member={member}
                time={{ since, until }}
                goOn={(from) => {
                  setSearch({ member, since: String(from), until: String(until) });
                }}
              />
            ) : null}
          </div>
        </>
      ) : (
        <Empty>{say("posts/not_you")}</Empty>
      )}
    </>
  );
}

interface Asking {
  readonly member: string;
  readonly open: (wanted: { member: string; since: string; until: string }) => void;
}

function Ask({ member, open }: Asking): ReactNode {
  const say = useText("portal_regulator");
  const names = useNames(useTraders().data ?? []);
  const [chosen, setChosen] = useState(member);
  const [end, setEnd] = useState("");
  const [minutes, setMinutes] = useState<number>(SPANS[0]);
  const [wrong, setWrong] = useState<"member" | "until">();
  const look = (event: SyntheticEvent): void => {
    event.preventDefault();
    const time = timeOf(end, minutes, Date.now() + (session()?.ahead ?? 0));
    const fault = chosen === "" ? "member" : time === undefined ? "until" : undefined;
    setWrong(fault);
    if (time === undefined || fault !== undefined) return;
    open({ member: chosen, since: String(time.since), until: String(time.until) });
  };
  return (
    <form onSubmit={look} noValidate>
      <Stack gap="md" align="flex-start">
        <NativeSelect
          label={say("posts/member")}
          size="lg"
          value={chosen}
          error={wrong === "member" ? say("posts/wrong/member") : undefined}
          data={[{ value: "", label: say("recall_new/choose") }, ...names]}
          onChange={(event) => {
            setChosen(event.currentTarget.value);
          }}
        />
        <TextInput
          type="datetime-local"
          label={say("posts/until")}
          description={say("posts/until_about")}
          size="lg"
          value={end}
          error={wrong === "until" ? say("posts/wrong/until") : undefined}
          onChange={(event) => {
            setEnd(event.currentTarget.value);
          }}
        />
        <NativeSelect
          label={say("posts/span")}
          size="lg"
          value={String(minutes)}
          data={SPANS.map((each) => ({ value: String(each), label: say("posts/minutes", { count: each }) }))}
          onChange={(event) => {
            setMinutes(Number(event.currentTarget.value));
          }}
        />
        <Button type="submit" size="lg">
          {say("posts/open")}
        </Button>
      </Stack>
    </form>
  );
}
