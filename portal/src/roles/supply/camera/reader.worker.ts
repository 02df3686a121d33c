/**
 * Reads codes in pictures, away from the page: the WebAssembly is our own copy, and only this worker
 * runs it, so the page's content policy need not allow any.
 */
import { prepareZXingModule, readBarcodes } from "zxing-wasm/reader";
import wasm from "zxing-wasm/reader/zxing_reader.wasm?url";

import { asScanned } from "./scanned";

const FORMATS = ["DataMatrix", "QRCode", "Code128", "DataBar", "EANUPC"] as const;

prepareZXingModule({
  overrides: { locateFile: (file: string, prefix: string) => (file.endsWith(".wasm") ? wasm : prefix + file) },
});

self.onmessage = (message: MessageEvent<ImageData>): void => {
  void read(message.data);
};

async function read(picture: ImageData): Promise<void> {
  try {
    const found = await readBarcodes(picture, {
      formats: [...FORMATS],
      textMode: "Plain",
      tryHarder: true,
      maxNumberOfSymbols: 1,
    });
    self.postMessage({ code: found.map(asScanned).find((each) => each !== "") ?? "" });
  } catch (error) {
    self.postMessage({ fault: String(error) });
  }
}
