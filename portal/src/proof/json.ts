import { utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { NotVerified, must } from "./refusal";

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject {
  [name: string]: Json;
}

export const MAX_TEXT = 16 * 2 ** 20;
const MAX_DEPTH = 500;
const WHITE = " \t\n\r";
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t",
};

/** A reader of the profile: no floats, no repeated member, text that is Unicode, nothing deep. */
class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

  whole(): Json {
    const value = this.value(0);
    this.white();
    if (this.at !== this.text.length) this.wrong("more text after the value");
    return value;
  }

  private wrong(reason: string): never {
    throw new NotVerified("malformed", `not JSON of the profile: ${reason}`);
  }

  private white(): void {
    while (this.at < this.text.length && WHITE.includes(this.text.charAt(this.at))) this.at += 1;
  }

  private take(letter: string): boolean {
    this.white();
    if (this.text.charAt(this.at) !== letter) return false;
    this.at += 1;
    return true;
  }

  private word(word: string): boolean {
    if (!this.text.startsWith(word, this.at)) return false;
    this.at += word.length;
    return true;
  }

  private value(depth: number): Json {
    if (depth > MAX_DEPTH) this.wrong("too deep");
    if (this.take("{")) return this.object(depth);
    if (this.take("[")) return this.list(depth);
    if (this.take('"')) return this.string();
    if (this.word("true")) return true;
    if (this.word("false")) return false;
    if (this.word("null")) return null;
    return this.number();
  }

  private object(depth: number): JsonObject {
    // Without a prototype, so that a member may be called anything.
    const found = Object.create(null) as JsonObject;
    if (this.take("}")) return found;
    do {
      if (!this.take('"')) this.wrong("a name is missing");
      const name = this.string();
      if (name in found) this.wrong("a key stands twice in one object");
      if (!this.take(":")) this.wrong("a colon is missing");
      found[name] = this.value(depth + 1);
    } while (this.take(","));
    if (!this.take("}")) this.wrong("an object does not end");
    return found;
  }

  private list(depth: number): Json[] {
    const found: Json[] = [];
    if (this.take("]")) return found;
    do found.push(this.value(depth + 1));
    while (this.take(","));
    if (!this.take("]")) this.wrong("a list does not end");
    return found;
  }

  private number(): number {
    const pattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?/y;
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    const value = Number(found);
    const good = /^-?[0-9]{1,16}$/.test(found) && Number.isSafeInteger(value);
    if (!good) this.wrong("a number must be an integer within 2^53 - 1");
    this.at += found.length;
    return value + 0;
  }

  private string(): string {
    let found = "";
    for (;;) {
      const start = this.at;
      while (isPlain(this.text.charCodeAt(this.at))) this.at += 1;
      found += this.text.slice(start, this.at);
      const letter = this.text.charAt(this.at);
      this.at += 1;
      if (letter === '"') break;
      if (letter !== "\\") this.wrong("a string does not end");
      found += this.escape();
    }
    if (/\p{Surrogate}/u.test(found)) this.wrong("text that is not Unicode");
    return found;
  }

  private escape(): string {
    const letter = this.text.charAt(this.at);
    this.at += 1;
    if (letter === "u") {
      const digits = this.text.slice(this.at, this.at + 4);
      if (!/^[0-9a-fA-F]{4}$/.test(digits)) this.wrong("an unknown escape");
      this.at += 4;
      return String.fromCharCode(parseInt(digits, 16));
    }
    return ESCAPES[letter] ?? this.wrong("an unknown escape");
  }
}

/** Neither a quote, a backslash nor a control character; NaN, at the end of the text, is none. */
const isPlain = (code: number): boolean => code >= 0x20 && code !== 0x22 && code !== 0x5c;

/**
 * Read a paper: JSON of the profile, an object of at most 16 MiB. Throws `NotVerified`
 * (`too_large`, `malformed`).
 */
export function load(data: Bytes): JsonObject {
  must(data.length <= MAX_TEXT, "too_large", `more than ${MAX_TEXT} bytes`);
  const value = new Reader(decode(data)).whole();
  must(isObject(value), "malformed", "not a JSON object");
  return value;
}

/** Read UTF-8 strictly; a byte order mark is kept, and is then no JSON. */
export function decode(data: Bytes): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
  } catch {
    throw new NotVerified("malformed", "not UTF-8");
  }
}

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Write canonical JSON (RFC 8785 for values without floats, members by code point). */
export function canonical(value: Json): Bytes {
  return utf8(written(value));
}

function written(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(written).join(",")}]`;
  if (!isObject(value)) return JSON.stringify(value);
  const members = Object.keys(value)
    .sort(byCodePoint)
    .map((name) => `${JSON.stringify(name)}:${written(value[name] ?? null)}`);
  return `{${members.join(",")}}`;
}

function byCodePoint(one: string, other: string): number {
  const [left, right] = [Array.from(one), Array.from(other)];
  for (let at = 0; at < Math.min(left.length, right.length); at += 1) {
    const apart = (left[at]?.codePointAt(0) ?? 0) - (right[at]?.codePointAt(0) ?? 0);
    if (apart !== 0) return apart;
  }
  return left.length - right.length;
}
