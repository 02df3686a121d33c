/** One request on its way from draft to answer, as a component needs it. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";

import { useLanguage, type Language } from "../language";
import { ProblemError } from "../problem";
import { useText, type Say } from "../text";
import { readBody, renewBody } from "./body";
import type { Bytes } from "./bytes";
import { deviceKey } from "./keys";
import { openedSentence, type Opened, type OpenedSaid } from "./opened";
import { discard, draft, entry, onChange, send, sign, type Entry } from "./outbox";
import { SignRefusal } from "./refusal";
import { sentence, type Said } from "./sentence";
import { plainSpeech } from "./speech";
import { load } from "./words";

/** Everything that is shown before a signature. */
export interface Reading {
  said: Said;
  /** By the message's place: the terms behind its commitment, in words. */
  opened: Record<number, OpenedSaid>;
  /** Who signs, for whom, and until when, as people say it. */
  sender: string;
  ward: string | undefined;
  until: string;
}

export interface Signing {
  bytes: Bytes;
  entry: Entry | undefined;
  reading: Reading | undefined;
  error: Error | undefined;
  busy: boolean;
  /** Whether the body is too old to be signed; `renew` makes it anew. */
  lapsed: boolean;
  approve: () => void;
  decline: () => Promise<void>;
  renew: () => void;
}

/** Read bytes for a person; refuses what cannot be shown, and terms that are not those signed. */
export async function reading(
  bytes: Bytes, language: Language, opened: Record<number, Opened>, names?: ReadonlyMap<string, string>,
): Promise<Reading> {
  const own = (await load(language, []))("portal_sign");
  const speech = plainSpeech(language, own, names === undefined ? {} : { names });
  const said = await sentence(bytes, language, () => speech);
  const terms: Record<number, OpenedSaid> = {};
  for (const [place, each] of Object.entries(opened)) {
    terms[Number(place)] = await openedSentence(each, bytes, speech, own, Number(place));
  }
  const { sender, on_behalf_of, expires } = said.body;
  return {
    said,
    opened: terms,
    sender: speech.mark(sender),
    ward: on_behalf_of === undefined ? undefined : speech.mark(on_behalf_of),
    until: speech.moment(expires),
  };
}

/** Follow one request; `opened` are its terms by the message's place in the body. */
export function useSigning(
  first: Bytes, opened: Record<number, Opened>, names?: ReadonlyMap<string, string>,
): Signing {
  const language = useLanguage();
  const say = useText("portal_sign");
  const [bytes, setBytes] = useState(first);
  const [refused, setRefused] = useState<Error>();
  const [busy, setBusy] = useState(false);
  const kept = useEntry(bytes, opened);
  const read = useQuery({
    queryKey: ["sign", "reading", [...bytes].join(), language, [...(names ?? [])]],
    queryFn: () => reading(bytes, language, opened, names),
    ...ON_THIS_DEVICE,
  });
  const approve = useCallback(() => {
    setBusy(true);
    setRefused(undefined);
    void signAndSend(bytes, opened)
      .catch((error: unknown) => { setRefused(error as Error); })
      .finally(() => { setBusy(false); });
  }, [bytes, opened]);
  const decline = useCallback(async () => { await discard(readBody(bytes).nonce); }, [bytes]);
  const renew = useCallback(() => {
    void discard(readBody(bytes).nonce);
    setRefused(undefined);
    setBytes(renewBody(bytes, Date.now()));
  }, [bytes]);
  const error = refused ?? read.error ?? kept.error;
  return {
    bytes,
    entry: kept.entry,
    reading: read.data,
    error: error === undefined ? undefined : inWords(error, say),
    busy,
    lapsed: error instanceof SignRefusal && error.reason === "lapsed",
    approve,
    decline,
    renew,
  };
}

// What is read from this device needs no network, and a refusal stays one.
const ON_THIS_DEVICE = { networkMode: "always", retry: false, gcTime: 0 } as const;

function useEntry(
  bytes: Bytes, opened: Record<number, Opened>,
): { entry: Entry | undefined; error: Error | undefined } {
  const client = useQueryClient();
  const [failed, setFailed] = useState<Error>();
  useEffect(
    () => onChange(() => { void client.invalidateQueries({ queryKey: ["sign", "entry"] }); }),
    [client],
  );
  // Kept once when it is first shown; what is then thrown away is not brought back by a reading.
  useEffect(() => { void draft(bytes, opened).catch(setFailed); }, [bytes, opened]);
  const { data, error } = useQuery({
    queryKey: ["sign", "entry", [...bytes].join()],
    queryFn: () => entry(readBody(bytes).nonce),
    ...ON_THIS_DEVICE,
  });
  return { entry: data ?? undefined, error: failed ?? error ?? undefined };
}

async function signAndSend(bytes: Bytes, opened: Record<number, Opened>): Promise<void> {
  const { nonce, signers } = readBody(bytes);
  await draft(bytes, opened);
  const keys = await Promise.all(signers.map(deviceKey));
  await sign(nonce, keys.filter((each) => each !== undefined));
  await send(nonce);
}

/** Put a refusal of this device into the words that every other refusal has. */
export function inWords(error: Error, say: Say): Error {
  if (!(error instanceof SignRefusal)) return error;
  const at = `refused/${error.reason}`;
  return new ProblemError({
    code: `sign.${error.reason}`,
    status: 0,
    title: say(`${at}/title`),
    detail: say("nothing_sent"),
    next: say(`${at}/next`),
  });
}
