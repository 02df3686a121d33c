/** A new key as people compare it by telephone. */
import { Code } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { keyId } from "../sign";
import { useText } from "../text";
import { comparable } from "./reading";

export function KeyCode({ of }: { of: { readonly suite: string; readonly public: string } }): ReactNode {
  const say = useText("portal_guardians");
  const { data } = useQuery({
    queryKey: ["key-code", of.suite, of.public],
    queryFn: () => keyId({ ...of }),
    networkMode: "always",
    staleTime: Infinity,
  });
  return (
    <p>
      {say("key_code")} <Code fz="lg" translate="no">{data === undefined ? "" : comparable(data)}</Code>
    </p>
  );
}
