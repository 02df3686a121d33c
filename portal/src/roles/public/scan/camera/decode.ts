/**
 * Reading the code in a picture: ZXing compiled to WebAssembly, our own copy of it.
 *
 * The browser's own detector is not asked where there is one: it does not say whether a symbol is a
 * GS1 one, so that a case's number could be taken for a trace code.
 */
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";

import { asScanned } from "./scanned";

const FORMATS = ["DataMatrix", "QRCode", "Code128", "DataBar", "EANUPC"] as const;

/** Says where the module is: its address, or its bytes. */
export function prepare(wasm: string | ArrayBuffer): void {
  prepareZXingModule({
    overrides: typeof wasm === "string" ? { locateFile: () => wasm } : { wasmBinary: wasm },
  });
}

/** Gives the code as a scanner would type it; empty where the picture has none. */
export async function decode(picture: ImageData | Uint8Array | Blob): Promise<string> {
  const found = await readBarcodes(picture, {
    formats: [...FORMATS],
    textMode: "Plain",
    tryHarder: true,
    maxNumberOfSymbols: 1,
  });
  return found.map(asScanned).find((each) => each !== "") ?? "";
}
