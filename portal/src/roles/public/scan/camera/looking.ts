/** A camera that looks until it sees a code, and a photograph that is looked at once. */
import { openReader, pictureOf } from "./reader";

export type Trouble = "broken" | "denied" | "none" | "unread";

/** Between two pictures that are looked at, in ms. */
const PAUSE = 120;

/** Says in a word why there is no code. */
export function troubleOf(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "denied";
  return ["NotFoundError", "NotReadableError", "NotSupportedError", "OverconstrainedError"].includes(name)
    ? "none"
    : "broken";
}

/** Shows the camera in `video` until it sees a code or the signal ends it; then the camera is off. */
export async function watch(video: HTMLVideoElement, signal: AbortSignal): Promise<string> {
  const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  if (devices === undefined) throw new DOMException("", "NotSupportedError");
  const stream = await devices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  const reader = openReader();
  signal.addEventListener("abort", reader.close);
  try {
    signal.throwIfAborted();
    video.srcObject = stream;
    await video.play();
    for (;;) {
      signal.throwIfAborted();
      const { videoWidth, videoHeight } = video;
      if (videoWidth > 0) {
        const code = await reader.read(pictureOf(video, videoWidth, videoHeight));
        if (code !== "") return code;
      }
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  } finally {
    reader.close();
    video.srcObject = null;
    stream.getTracks().forEach((each) => {
      each.stop();
    });
  }
}

/** Gives the code in a photograph; empty where there is none. */
export async function readPhoto(file: Blob): Promise<string> {
  const photo = await createImageBitmap(file);
  const reader = openReader();
  try {
    return await reader.read(pictureOf(photo, photo.width, photo.height));
  } finally {
    reader.close();
    photo.close();
  }
}
