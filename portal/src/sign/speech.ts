/** How values are said: exactly, as the command line does, or for people. */

import { fill, find, say, type Language, type Words } from "./words";

/** The ways of saying one value of each kind. */
export interface Speech {
  language: Language;
  /** A moment in ms. */
  moment: (ms: number) => string;
  /** An id, commitment, key or other bytes in base64url. */
  mark: (full: string) => string;
  /** A word of the protocol; `owner` is its message and field. */
  choice: (owner: string, word: string) => string;
  /** Text that somebody typed. */
  text: (typed: string) => string;
  /** A list's items, put together. */
  list: (items: string[]) => string;
}

export interface Plainly {
  /** IANA name of the reader's zone; the browser's own where left out. */
  timeZone?: string;
  /** Names that the reader knows ids by. They are shown beside the id, never in place of it. */
  names?: ReadonlyMap<string, string>;
}

const SHORT = 12;
const LAST_OF_PYTHON = 253_402_300_799_999;

/** Say everything in full, in UTC: what `yilian … --dry-run` prints. */
export function exactSpeech(language: Language): Speech {
  return {
    language,
    moment: exactMoment,
    mark: (full) => full,
    choice: (_owner, word) => word,
    text: (typed) => typed,
    list: (items) => items.join(", "),
  };
}

/** Say it so that a person can check it: the reader's own time, short ids, words for words. */
export function plainSpeech(language: Language, own: Words, plainly: Plainly = {}): Speech {
  return {
    language,
    moment: (ms) => localMoment(language, ms, plainly.timeZone),
    mark: (full) => {
      const name = plainly.names?.get(full);
      const id = shortened(full);
      return name === undefined ? id : fill(say(own, "named"), { name: visible(name), id });
    },
    choice: (owner, word) =>
      find(own, "values", owner, word) ?? fill(say(own, "unknown_word"), { word }),
    text: visible,
    list: (items) => (items.length === 0 ? say(own, "none") : items.join(say(own, "between"))),
  };
}

/** Write a moment in UTC (ISO 8601), to the second where it is whole. */
export function exactMoment(ms: number): string {
  if (ms > LAST_OF_PYTHON) return `${ms} ms`;
  return new Date(ms).toISOString().replace(".000Z", "Z");
}

/** Show enough of an id to compare it: its first eight letters and its last four. */
export function shortened(full: string): string {
  return full.length <= SHORT ? full : `${full.slice(0, 8)}…${full.slice(-4)}`;
}

/**
 * Make visible what would otherwise be drawn as nothing, or turn the text around it.
 *
 * Line feeds, direction marks and zero-width letters become `\u{…}`, and `\` itself `\\`, so that
 * two texts that differ are never shown alike.
 */
export function visible(typed: string): string {
  return typed.replace(/[\\\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cn}\p{Co}]/gu, (letter) =>
    letter === "\\" ? "\\\\" : `\\u{${(letter.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

function localMoment(language: Language, ms: number, timeZone?: string): string {
  if (ms > LAST_OF_PYTHON) return exactMoment(ms);
  const whole = ms % 60_000 === 0;
  return new Intl.DateTimeFormat(language, {
    year: "numeric",
    month: "long",
    day: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    ...(whole ? {} : { second: "2-digit" }),
    hourCycle: "h23",
    timeZoneName: "short",
    ...(timeZone === undefined ? {} : { timeZone }),
  }).format(ms);
}
