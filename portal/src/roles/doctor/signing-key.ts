/** The key of this device by which a doctor signs. */
import { useQuery, type UseQueryResult } from "@tanstack/react-query";

import { get } from "../../api";
import { session } from "../../session";
import { type Bytes, type DeviceKey, deviceKeys, makeBody, type Message } from "../../sign";
import { useOwn, type Who } from "../../who";

export const KEY_QUERY = "signing-key";

/** The key of this device that the chain knows as the reader's own; null where there is none. */
export function useSigningKey(): UseQueryResult<DeviceKey | null> {
  const { subject } = useOwn();
  return useQuery({
    queryKey: [KEY_QUERY, subject],
    queryFn: async ({ signal }) => {
      const here = await deviceKeys(subject);
      if (here.length === 0) {
        return null;
      }
      const query = { owner: subject, limit: 200 };
      const { items } = await get("/v1/identity/keys", { query, signal });
      const standing = new Set(items.filter((each) => each.ended === null).map((each) => each.id));
      return here.find((each) => standing.has(each.id)) ?? null;
    },
  });
}

/** Writes what the doctor is to sign with a key of this device, at their organisation's expense. */
export function toSign(key: DeviceKey, own: Who, message: Message): Bytes {
  const now = session();
  return makeBody({
    // Who is not signed in practises at most, and sends nothing.
    chain: now?.chain ?? "practice",
    sender: own.subject,
    payer: own.organisation,
    signers: [key.id],
    messages: [message],
    now: Date.now() + (now?.ahead ?? 0),
  });
}
