/** The sign-ins of others that this node accepts, one button each; nothing where there are none. */
import { Button, Stack } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";

import { useLanguage } from "../../language";
import { goOutside, outsideProviders } from "../../session/outside";
import { useText } from "../../text";
import { SteppedNotice } from "./SteppedNotice";

interface Props {
  /** The code of an invitation, where somebody joins by one. */
  readonly code?: () => string | undefined;
}

export function OutsideButtons({ code }: Props): ReactNode {
  const say = useText("portal_outside");
  const language = useLanguage();
  const found = useQuery({ queryKey: ["outside-providers"], queryFn: outsideProviders });
  const step = useMutation({
    mutationFn: (provider: string) => goOutside(provider, language, code?.()),
  });
  if (found.data === undefined || found.data.length === 0) return null;
  return (
    <Stack gap="sm" align="flex-start">
      <div aria-live="polite">
        <SteppedNotice error={step.error} />
      </div>
      {found.data.map((each) => (
        <Button
          key={each.provider}
          variant="outline"
          size="lg"
          loading={step.isPending && step.variables === each.provider}
          disabled={step.isPending}
          onClick={() => {
            step.mutate(each.provider);
          }}
        >
          {say(code === undefined ? "sign_in" : "join", { name: each.title[language] })}
        </Button>
      ))}
    </Stack>
  );
}
