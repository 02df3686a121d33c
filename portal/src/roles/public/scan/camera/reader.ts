/** Pictures on their way to the reader, and codes on their way back. */

export interface Reader {
  /** Gives the code in a picture; empty where there is none. One picture at a time. */
  readonly read: (picture: ImageData) => Promise<string>;
  readonly close: () => void;
}

interface Answer {
  readonly code?: string;
  readonly fault?: string;
}

/** Starts a reader; it is loaded now, not with the page. */
export function openReader(): Reader {
  const worker = new Worker(new URL("./reader.worker.ts", import.meta.url), { type: "module" });
  let giveUp: (error: Error) => void = () => undefined;
  return {
    read: (picture) =>
      new Promise((done, fail) => {
        giveUp = fail;
        worker.onerror = () => {
          fail(new Error("the reader does not start"));
        };
        worker.onmessage = ({ data }: MessageEvent<Answer>) => {
          if (data.code === undefined) fail(new Error(data.fault));
          else done(data.code);
        };
        worker.postMessage(picture, [picture.data.buffer]);
      }),
    close: () => {
      worker.terminate();
      giveUp(new Error("closed"));
    },
  };
}

/** The longest side of a picture that is looked at, in pixels: a photograph has far more than it needs. */
const LONGEST = 2_000;

/** Takes what a video or a photograph shows now; `width` and `height` are its own, in pixels. */
export function pictureOf(from: CanvasImageSource, width: number, height: number): ImageData {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no canvas");
  context.drawImage(from, 0, 0, canvas.width, canvas.height);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}
