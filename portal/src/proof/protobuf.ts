import { concat } from "./bytes";
import type { Bytes } from "./bytes";
import { SECOND } from "./shape";

const NOTHING = new Uint8Array();

/** Protocol Buffers, base 128 varint of 64 bits; a negative number is its two's complement. */
export function varint(number: bigint): Bytes {
  let left = BigInt.asUintN(64, number);
  const out: number[] = [];
  while (left > 0x7fn) {
    out.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return Uint8Array.of(...out, Number(left));
}

const tag = (field: number, wire: number): Bytes => varint(BigInt((field << 3) | wire));

export const intField = (field: number, number: bigint): Bytes =>
  number === 0n ? NOTHING : concat(tag(field, 0), varint(number));

export const messageField = (field: number, data: Bytes): Bytes =>
  concat(tag(field, 2), varint(BigInt(data.length)), data);

export const bytesField = (field: number, data: Bytes): Bytes =>
  data.length === 0 ? NOTHING : messageField(field, data);

/** A field of fixed 64 bits, little endian; left out where it is 0. */
export function fixed64Field(field: number, number: bigint): Bytes {
  if (number === 0n) return NOTHING;
  const data = new Uint8Array(8);
  new DataView(data.buffer).setBigUint64(0, number, true);
  return concat(tag(field, 1), data);
}

/** google.protobuf.Timestamp of nanoseconds since 1970, also before it. */
export function timestamp(moment: bigint): Bytes {
  const nanos = ((moment % SECOND) + SECOND) % SECOND;
  return concat(intField(1, (moment - nanos) / SECOND), intField(2, nanos));
}
