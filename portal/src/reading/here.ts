/** Reading on this device, from the key to what it opened. Loaded only where somebody reads so. */

import { address, type AnswerOf, get, post } from "../api";
import { session } from "../session";
import { deviceKeys, signedRequest, toText } from "../sign";
import { utf8 } from "../sign/bytes";
import { newSecret, recipient } from "./hpke";
import { Opener, type OpenedRecord, type SealedRecord } from "./open";
import { ReadingRefusal, refuse, type Reason } from "./refusal";
import { keepReadingKey, readingKey, secretOf, type KeptKey } from "./store";

const PERSON = "/v1/organisations/{organisation}/persons/{person}";
const KEYS = `${PERSON}/reading-keys` as const;
const SEALED = `${PERSON}/sealed-records` as const;
const PATIENCE = 60_000;
const PAGES = 100;

type Me = Readonly<Record<"organisation" | "person", string>>;
type Answer = AnswerOf<typeof KEYS, "post">;

/** A record that did not open, and why. */
export interface NotOpened {
  readonly record: string;
  readonly reason: Reason;
}

/** All of a person's records here, in the order of their ids. */
export interface Read {
  readonly opened: readonly OpenedRecord[];
  readonly notOpened: readonly NotOpened[];
}

/**
 * Make a reading key on this device, once the organisation has given keys for it.
 *
 * Refuses `no_signer` where no key of the person's is on this device, `no_store` where the browser
 * keeps nothing; else as the node does, and then nothing is kept.
 */
export async function makeReadingKey(me: Me): Promise<KeptKey> {
  const secret = newSecret();
  const shown = toText(recipient(secret).public);
  await askForKeys(me, shown);
  return keepReadingKey(me.person, shown, secret);
}

/** Fetch a person's records as ciphertexts, and open them; refuses `no_key` without a reading key. */
export async function readHere(me: Me, signal?: AbortSignal): Promise<Read> {
  const kept = await readingKey(me.person);
  if (kept === null) throw refuse("no_key");
  const to = recipient(await secretOf(kept));
  const { keys: wraps } = await askForKeys(me, kept.public);
  const { organisation: holder, person } = me;
  const opener = new Opener({ holder, person, to, wraps });
  const opened: OpenedRecord[] = [];
  const notOpened: NotOpened[] = [];
  for await (const sealed of sealedRecords(me, signal)) {
    try {
      opened.push(await opener.open(sealed));
    } catch (error) {
      if (!(error instanceof ReadingRefusal)) throw error;
      notOpened.push({ record: sealed.proof.record, reason: error.reason });
    }
  }
  return { opened, notOpened };
}

/** Ask with the person's own key: a session alone is given none. */
async function askForKeys(me: Me, shown: string): Promise<Answer> {
  const key = (await deviceKeys(me.person))[0];
  const here = session();
  if (key === undefined || here === undefined) throw refuse("no_signer");
  const body = utf8(JSON.stringify({ public: shown }));
  const now = Date.now() + here.ahead;
  const headers = await signedRequest(key, here.chain, "POST", address(KEYS, me), body, now);
  return post(KEYS, { path: { ...me }, body, headers, signed: false, timeout: PATIENCE });
}

async function* sealedRecords(me: Me, signal?: AbortSignal): AsyncGenerator<SealedRecord> {
  let after: string | undefined;
  for (let page = 0; page < PAGES; page += 1) {
    const query = after === undefined ? {} : { after };
    const asked = { path: { ...me }, query, timeout: PATIENCE, ...(signal && { signal }) };
    const answer = await get(SEALED, asked);
    yield* answer.records as readonly SealedRecord[];
    if (answer.next == null) return;
    after = answer.next;
  }
  throw refuse("too_many");
}
