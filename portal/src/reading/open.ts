/**
 * A person's own ciphertexts, opened here: category key, batch key, data key, content, salt. What
 * `vault/own_copies.py: open_copies` does, and its order of checks.
 */

import { commit } from "../proof/record";
import { sha256, toText } from "../sign/bytes";
import { bytesOf, type Bytes } from "./bytes";
import { publicId, recipient, unwrap, type Recipient } from "./hpke";
import { refuse } from "./refusal";
import { binding, openSealed } from "./seal";

/** A category key, wrapped: `WrappedCategoryKey` as it stands in JSON. */
export interface WrappedKey {
  readonly key: string;
  readonly recipient: string;
  readonly wrapped: string;
}

/** A record as a ciphertext: `ReleasedRecord` as it stands in JSON, as far as it is read here. */
export interface SealedRecord {
  readonly media_type: string;
  readonly address: string;
  readonly ciphertext: string;
  readonly keys: {
    readonly route: string;
    readonly category_key?: string;
    readonly batch_key?: string;
    readonly data_key: string;
  };
  readonly salt: string;
  readonly proof: Proof;
}

export interface Proof {
  readonly format: string;
  readonly record: string;
  readonly commitment: string;
  readonly batch: string;
  readonly index: number;
  readonly total: number;
  readonly path: readonly string[];
  readonly salt?: string | null;
  readonly replaces?: string | null;
}

/** A record that was opened; its proof has its salt now, so that anybody can be shown it. */
export interface OpenedRecord {
  readonly record: string;
  readonly mediaType: string;
  readonly content: Bytes;
  readonly proof: Proof;
}

/** What a device has to open with, and whose keys they are. */
export interface Given {
  readonly holder: string;
  readonly person: string;
  /** The reading key that the category keys are wrapped to. */
  readonly to: Recipient;
  readonly wraps: readonly WrappedKey[];
}

/** Opens the records of one holder; each category key and each batch key once. */
export class Opener {
  private readonly once = new Map<string, Promise<unknown>>();

  constructor(private readonly given: Given) {}

  /**
   * Open one record and hold it against its commitment. That the chain has the commitment is for
   * the proof to say (`portal/src/proof`). Refuses `altered`, `key_missing`, `unknown_format`.
   */
  async open(sealed: SealedRecord): Promise<OpenedRecord> {
    const { record, batch, commitment } = sealed.proof;
    const ciphertext = bytesOf(sealed.ciphertext);
    if (toText(await sha256(ciphertext)) !== sealed.address) throw refuse("altered");
    const dataKey = await openSealed(
      await this.batchKey(sealed), bytesOf(sealed.keys.data_key), binding("data-key", { batch, record }),
    );
    const whose = binding("content", { organisation: this.given.holder, record });
    const content = await openSealed(dataKey, ciphertext, whose);
    const salt = await openSealed(dataKey, bytesOf(sealed.salt), binding("released-salt", { record }));
    if (commit(salt, content) !== commitment) throw refuse("altered");
    const proof = { ...sealed.proof, salt: toText(salt) };
    return { record, mediaType: sealed.media_type, content, proof };
  }

  private batchKey({ keys, proof: { batch } }: SealedRecord): Promise<Bytes> {
    const { category_key: key, batch_key: wrapped } = keys;
    if (key === undefined || wrapped === undefined) throw refuse("unknown_format");
    return this.only(["batch", batch, key, wrapped].join(), async () => {
      const ids = { batch, category_key: key, organisation: this.given.holder };
      return unwrap(await this.categoryKey(key), bytesOf(wrapped), binding("batch-key", ids));
    });
  }

  private categoryKey(key: string): Promise<Recipient> {
    return this.only(`category,${key}`, async () => {
      const { holder, person, to, wraps } = this.given;
      const own = await publicId(to.public);
      const found = wraps.find((each) => each.key === key && each.recipient === own);
      if (found === undefined) throw refuse("key_missing");
      const info = binding("reading-key", { category_key: key, holder, person });
      const opened = recipient(await unwrap(to, bytesOf(found.wrapped), info));
      if ((await publicId(opened.public)) !== key) throw refuse("altered");
      return opened;
    });
  }

  private only<T>(name: string, work: () => Promise<T>): Promise<T> {
    const found = (this.once.get(name) as Promise<T> | undefined) ?? work();
    this.once.set(name, found);
    return found;
  }
}
