/** What is to be signed, and what follows once it is recorded: once, however often it is told. */
import { type ReactNode, useCallback, useRef } from "react";

import { type Bytes, type Entry, WhatIsSigned } from "../../sign";

interface Props {
  readonly bytes: Bytes;
  readonly then: () => void;
  readonly leave: () => void;
}

export function SignThen({ bytes, then, leave }: Props): ReactNode {
  const told = useRef(false);
  const answered = useCallback(
    ({ state }: Entry) => {
      if (state !== "recorded" || told.current) return;
      told.current = true;
      then();
    },
    [then],
  );
  return <WhatIsSigned bytes={bytes} onAnswer={answered} onDecline={leave} />;
}
