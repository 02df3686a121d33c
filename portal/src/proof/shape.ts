import { fromBase64, fromHex, utf8 } from "./bytes";
import type { Bytes } from "./bytes";
import { isObject } from "./json";
import type { Json } from "./json";
import { NotVerified } from "./refusal";

/** Reads a JSON value of one shape; throws `malformed`. */
export type Read<T> = (value: Json | undefined, where: string) => T;
export type Of<R> = R extends Read<infer T> ? T : never;

const MAX_ITEMS = 10_000;
export const SECOND = 10n ** 9n;

function wrong(where: string): never {
  throw new NotVerified("malformed", `${where} is not of the shape that the format prescribes`);
}

type Members = Record<string, Read<unknown>>;
type Shaped<M extends Members> = { [Name in keyof M]: Of<M[Name]> };
type Perhaps<M extends Members> = { [Name in keyof M]: Of<M[Name]> | null };

/** An object with just these members. */
export function object<M extends Members>(members: M): Read<Shaped<M>> {
  return (value, where) => read(members, {}, value, where) as Shaped<M>;
}

/** An object with these members; those of `perhaps` may be left out and are then null. */
export function loose<M extends Members, P extends Members>(
  members: M,
  perhaps: P,
): Read<Shaped<M> & Perhaps<P>> {
  return (value, where) => read(members, perhaps, value, where) as Shaped<M> & Perhaps<P>;
}

function read(needed: Members, perhaps: Members, value: Json | undefined, where: string): unknown {
  if (!isObject(value)) return wrong(where);
  for (const name of Object.keys(value)) {
    if (!Object.hasOwn(needed, name) && !Object.hasOwn(perhaps, name)) wrong(where);
  }
  const found: Record<string, unknown> = {};
  for (const [name, take] of Object.entries(needed)) {
    found[name] = take(name in value ? value[name] : wrong(where), `${where}.${name}`);
  }
  for (const [name, take] of Object.entries(perhaps)) {
    found[name] = name in value ? take(value[name], `${where}.${name}`) : null;
  }
  return found;
}

export const list =
  <T>(read: Read<T>): Read<T[]> =>
  (value, where) =>
    Array.isArray(value) && value.length <= MAX_ITEMS
      ? value.map((each) => read(each, where))
      : wrong(where);

export const nullable =
  <T>(read: Read<T>): Read<T | null> =>
  (value, where) =>
    value === null ? null : read(value, where);

export const anything: Read<Json> = (value, where) => value ?? (value === null ? null : wrong(where));

/** A count as a JSON number. */
export const whole: Read<bigint> = (value, where) =>
  typeof value === "number" && value >= 0 ? BigInt(value) : wrong(where);

function scalar<T>(pattern: string, convert: (text: string) => T | null): Read<T> {
  const test = new RegExp(`^(?:${pattern})$`, "s");
  return (value, where) => {
    const found = typeof value === "string" && test.test(value) ? convert(value) : null;
    return found === null ? wrong(where) : found;
  };
}

const INT64 = "0|[1-9][0-9]{0,18}";
const binary = (pattern: string): Read<Bytes> => scalar(pattern, fromHex);

export const text: Read<string> = scalar(".*", (value) => value);
export const textBytes: Read<Bytes> = scalar(".*", utf8);
export const int64: Read<bigint> = scalar(INT64, BigInt);
/** Voting power, which may be a JSON number too. */
export const power: Read<bigint> = (value, where) =>
  int64(typeof value === "number" ? String(value) : value, where);
export const hex: Read<Bytes> = binary("([0-9a-f]{2})*");
export const upperHex: Read<Bytes> = binary("([0-9A-F]{2})*");
export const digest: Read<Bytes> = binary("[0-9a-f]{64}");
export const perhapsDigest: Read<Bytes> = binary("([0-9A-F]{64})?");
export const address: Read<Bytes> = binary("[0-9A-F]{40}");
export const perhapsAddress: Read<Bytes> = binary("([0-9A-F]{40})?");
export const key: Read<Bytes> = scalar("[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", fromBase64);
export const perhapsSignature: Read<Bytes> = scalar("([A-Za-z0-9+/]{85}[AQgw]==)?", fromBase64);
export const time: Read<bigint> = scalar(
  "[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,9})?Z",
  moment,
);

/** An RFC 3339 moment in UTC as nanoseconds since 1970; null where there is no such moment. */
function moment(value: string): bigint | null {
  const [year, month, day] = [value.slice(0, 4), value.slice(5, 7), value.slice(8, 10)].map(Number);
  const [hour, minute, second] = [value.slice(11, 13), value.slice(14, 16), value.slice(17, 19)].map(
    Number,
  );
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 0) - 1, day ?? 0);
  const same =
    date.getUTCFullYear() === year && date.getUTCMonth() + 1 === month && date.getUTCDate() === day;
  const [hours, minutes, seconds] = [hour ?? 0, minute ?? 0, second ?? 0];
  if (!same || year === 0 || hours > 23 || minutes > 59 || seconds > 59) return null;
  const elapsed = date.getTime() / 1000 + hours * 3600 + minutes * 60 + seconds;
  return BigInt(elapsed) * SECOND + BigInt(value.slice(20, -1).padEnd(9, "0"));
}
