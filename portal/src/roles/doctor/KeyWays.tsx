/** How a key that was made here is let in: by another device, or by a key file and one command. */
import { Code, Stack, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { Command } from "../../components/Command";
import { Query } from "../../components/Query";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { useOwn } from "../../who";
import { command, comparable, handover } from "./handover";
import { KEY_QUERY } from "./signing-key";

export function KeyWays({ of }: { of: DeviceKey }): ReactNode {
  const say = useText("portal_doctor");
  const { subject, organisation } = useOwn();
  const made = useQuery({
    queryKey: [KEY_QUERY, subject, "handover", of.id],
    queryFn: () => handover(of),
    networkMode: "always",
  });
  return (
    <Query of={made}>
      {(message) => (
        <Stack gap="sm">
          <p>{say("key/hand_over")}</p>
          <p>
            {say("key/compare")} <Code translate="no">{comparable(of.id)}</Code>
          </p>
          <Title order={2}>{say("key/by_device")}</Title>
          <p>{say("key/by_device_about")}</p>
          <div data-testid="handover">
            <Command>{JSON.stringify(message)}</Command>
          </div>
          <Title order={2}>{say("key/by_file")}</Title>
          <p>{say("key/by_file_about")}</p>
          <div data-testid="command">
            <Command>{command(window.location.origin, subject, organisation, message)}</Command>
          </div>
          <p role="status">{say("key/waits")}</p>
        </Stack>
      )}
    </Query>
  );
}
