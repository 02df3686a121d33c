import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { beforeAll, expect, test } from "vitest";
import { prepareZXingModule, writeBarcode, type WriterOptions } from "zxing-wasm/writer";

import { decode, prepare } from "./decode";
import { asScanned } from "./scanned";

const wasm = (name: string): ArrayBuffer => {
  const file = createRequire(import.meta.url).resolve(`zxing-wasm/${name}`);
  return new Uint8Array(readFileSync(file)).buffer;
};

beforeAll(() => {
  prepare(wasm("reader/zxing_reader.wasm"));
  prepareZXingModule({ overrides: { wasmBinary: wasm("writer/zxing_writer.wasm") } });
});

async function printed(text: string, how: WriterOptions): Promise<Blob> {
  const { image, error } = await writeBarcode(text, { scale: 6, ...how });
  if (image === null) throw new Error(error);
  return image;
}

test("a GS1 DataMatrix keeps its identifier and its separators", async () => {
  const image = await printed("(01)09520001000010(10)L7(21)S1", { format: "DataMatrix", options: "gs1" });
  expect(await decode(image)).toBe("]d2010952000100001010L7\u001d21S1");
});

test("a QR code with an address is the address", async () => {
  const link = "https://id.gs1.org/01/09520001000010/21/S1";
  expect(await decode(await printed(link, { format: "QRCode" }))).toBe(link);
});

test("a trace code of twenty digits is no GS1 symbol", async () => {
  const code = "81234567890123456789";
  expect(await decode(await printed(code, { format: "Code128" }))).toBe(code);
  expect(asScanned({ text: code, symbologyIdentifier: "]C0" })).toBe(code);
  expect(asScanned({ text: code, symbologyIdentifier: "]C1" })).toBe(`]C1${code}`);
});

test("a picture without a code gives nothing", async () => {
  const data = new Uint8ClampedArray(200 * 200 * 4).fill(255);
  expect(await decode({ data, width: 200, height: 200, colorSpace: "srgb" })).toBe("");
});
