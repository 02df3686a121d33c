/**
 * Reads codes away from the page. WebAssembly is compiled here and nowhere else, so the content policy
 * of pages need not allow any: this script is served with one of its own (`yilian.portal.serve`).
 */
import wasm from "zxing-wasm/reader/zxing_reader.wasm?url";

import { decode, prepare } from "./decode";

prepare(wasm);

self.onmessage = (message: MessageEvent<ImageData>): void => {
  decode(message.data).then(
    (code) => {
      self.postMessage({ code });
    },
    (error: unknown) => {
      self.postMessage({ fault: String(error) });
    },
  );
};
