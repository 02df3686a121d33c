/** A way out at every stage: the session ends, and nothing of it stays on this device. */
import { Button } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { useNavigate } from "react-router";

import { usePath } from "../../language";
import { signOut } from "../../session";
import { useText } from "../../text";

export function Leave(): ReactNode {
  const say = useText("portal_account");
  const navigate = useNavigate();
  const path = usePath();
  const queries = useQueryClient();
  const step = useMutation({
    mutationFn: signOut,
    onSettled: () => {
      // What was read under the session must not be shown to who comes next.
      queries.clear();
      void navigate(path("sign-in"));
    },
  });
  return (
    <Button
      variant="default"
      mt="lg"
      loading={step.isPending}
      onClick={() => {
        step.mutate();
      }}
    >
      {say("sign_out")}
    </Button>
  );
}
