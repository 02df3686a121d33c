import type { Bytes } from "./bytes";

/** What a badge vouches for. `shown` and `value` are what the page shows: it must be what is proved. */
export type Subject =
  | {
      readonly kind: "transaction";
      readonly hash: string;
      readonly shown?: {
        readonly height?: number;
        readonly code?: number;
        readonly events?: readonly unknown[];
      };
    }
  | {
      readonly kind: "state";
      readonly key: string;
      /** The record as JSON; null where there is none. */
      readonly value: unknown;
      /** The state proof that came with it; it is asked for otherwise. */
      readonly proof?: unknown;
    }
  | {
      readonly kind: "record";
      readonly organisation: string;
      readonly record: string;
      /** The exact bytes that the page shows. */
      readonly content: Bytes;
      /** The record's proof with its salt; it is asked for otherwise. */
      readonly proof?: unknown;
    };

/** A name for a subject, so that it is checked once. */
export function subjectName(subject: Subject): readonly unknown[] {
  if (subject.kind === "transaction") return [subject.kind, subject.hash, subject.shown ?? null];
  if (subject.kind === "state") return [subject.kind, subject.key, subject.value];
  return [subject.kind, subject.record, subject.content.length, checksum(subject.content)];
}

/** Tells contents apart for the cache alone: 32 bits, no security (FNV-1a). */
const checksum = (data: Bytes): number =>
  data.reduce((sum, each) => Math.imul(sum ^ each, 0x01000193) >>> 0, 0x811c9dc5);
