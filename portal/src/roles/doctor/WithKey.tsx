/** What needs a signature is shown where this device can sign; elsewhere, what to do about it. */
import { Alert, Button, Text } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "react-router";

import { Query } from "../../components/Query";
import { usePath } from "../../language";
import type { DeviceKey } from "../../sign";
import { useText } from "../../text";
import { useSigningKey } from "./signing-key";

export function WithKey({ children }: { children: (key: DeviceKey) => ReactNode }): ReactNode {
  const found = useSigningKey();
  return <Query of={found}>{(key) => (key === null ? <NoKey /> : children(key))}</Query>;
}

function NoKey(): ReactNode {
  const say = useText("portal_doctor");
  const path = usePath();
  return (
    <Alert variant="outline" title={say("no_key/title")}>
      <Text component="p">{say("no_key/detail")}</Text>
      <Button component={Link} to={path("doctor/key")} mt="sm" size="md">
        {say("no_key/next")}
      </Button>
    </Alert>
  );
}
