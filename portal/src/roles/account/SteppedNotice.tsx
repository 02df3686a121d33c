/** What went wrong at a step: a refusal of the node, or what this browser or its owner stopped. */
import { Anchor } from "@mantine/core";
import type { ReactNode } from "react";

import { ProblemNotice } from "../../components/ProblemNotice";
import { ProblemError } from "../../problem";
import { type Door, Trouble } from "../../session";
import { useText } from "../../text";

export function SteppedNotice({ error, place }: { error: unknown; place?: Door | undefined }): ReactNode {
  const say = useText("portal_account");
  if (error === null || error === undefined) return null;
  if (!(error instanceof Trouble)) return <ProblemNotice error={error} />;
  const part = (name: string): string => say(`troubles/${error.what}/${name}`);
  const shown = new ProblemError({
    code: `portal.${error.what}`,
    status: 0,
    title: part("title"),
    detail: part("detail"),
    next: part("next"),
  });
  return (
    <>
      <ProblemNotice error={shown} />
      {error.what === "wrong_address" && place !== undefined ? <ThereLink place={place} /> : null}
    </>
  );
}

/** Leads to the same page at the address where signing in works. */
export function ThereLink({ place }: { place: Door }): ReactNode {
  const say = useText("portal_account");
  const { pathname, search } = window.location;
  return (
    <p>
      <Anchor href={`${place.origin}${pathname}${search}`}>
        {say("open_there", { address: place.origin })}
      </Anchor>
    </p>
  );
}
