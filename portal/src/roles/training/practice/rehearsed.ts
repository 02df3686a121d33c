/** Signing in practice: the same words and buttons; nothing is signed, kept or sent. */
import { useQuery } from "@tanstack/react-query";
import { useCallback, useState } from "react";

import { useLanguage } from "../../../language";
import type { DeviceKey, Follow } from "../../../sign";
import { newId } from "../../../sign";
import { readBody } from "../../../sign";
import { reading } from "../../../sign/use-signing";
import { type Act, recorded } from "./papers";
import { useWorld } from "./Practice";

/** Where the made-up chain has a message of each kind that is signed in a lesson. */
const ACTS: Readonly<Record<string, Act>> = {
  "consent.Ask": "asked",
  "consent.BreakGlass": "urgent",
  "consent.OpenSession": "opened",
  "consent.ReviewBreakGlass": "judged",
};

export const useRehearsed: Follow = (bytes, opened, names) => {
  const language = useLanguage();
  const world = useWorld();
  const [state, setState] = useState<"drafted" | "recorded">("drafted");
  const { nonce, expires, messages } = readBody(bytes);
  const type = messages[0]?.type ?? "";
  const read = useQuery({
    queryKey: ["practice-reading", nonce, language],
    queryFn: () => reading(bytes, language, opened, names),
    networkMode: "always",
    retry: false,
  });
  const { transaction, height } = recorded(ACTS[type] ?? "noted");
  const made = { id: nonce, state, body: bytes, expires, made: 0 };
  const approve = useCallback(() => {
    setState("recorded");
    world.ward.signed(type);
  }, [world, type]);
  const decline = useCallback(() => Promise.resolve(), []);
  return {
    bytes,
    entry: state === "drafted" ? made : { ...made, hash: transaction, height },
    reading: read.data,
    error: read.error ?? undefined,
    busy: false,
    lapsed: false,
    approve,
    decline,
    renew: NOTHING,
  };
};

const NOTHING = (): void => undefined;

/** A key in name only: nothing is ever signed with it. */
export function keyInName(owner: string): DeviceKey {
  return { id: newId(), owner, key: { suite: "ed25519", public: "" }, pair: {} as CryptoKeyPair, made: 0 };
}
