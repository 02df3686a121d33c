/** What still waits on this device, after a reload or a journey without reception. */

import { Stack, Title } from "@mantine/core";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, type ReactNode } from "react";

import { Loading } from "../components/Standing";
import { useText } from "../text";
import { entries, onChange } from "./outbox";
import { WhatIsSigned } from "./WhatIsSigned";

export function Outbox(): ReactNode {
  const say = useText("portal_sign");
  const client = useQueryClient();
  const key = ["sign", "outbox"];
  useEffect(
    () => onChange(() => { void client.invalidateQueries({ queryKey: ["sign", "outbox"] }); }),
    [client],
  );
  const { data } = useQuery({ queryKey: key, queryFn: entries, networkMode: "always", retry: false });
  if (data === undefined) return <Loading />;
  return (
    <Stack>
      <Title order={1}>{say("unsent/title")}</Title>
      {data.length === 0 && <p>{say("unsent/none")}</p>}
      {data.map((each) => (
        <WhatIsSigned
          key={each.id}
          bytes={each.body}
          {...(each.opened && { opened: each.opened })}
          onDecline={() => undefined}
        />
      ))}
    </Stack>
  );
}
