/** The camera beside the field: it looks until it finds a code, and then closes itself. */
import { Alert, Button } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { useText } from "../../../text";

type Trouble = "none" | "denied" | "broken";

interface Props {
  readonly found: (code: string) => void;
  readonly close: () => void;
}

/** Between two pictures that are looked at, in ms. */
const PAUSE = 120;

export function Camera({ found, close }: Props): ReactNode {
  const say = useText("portal_supply");
  const video = useRef<HTMLVideoElement>(null);
  const [trouble, setTrouble] = useState<Trouble>();
  const told = useRef(found);
  useEffect(() => {
    told.current = found;
  });
  useEffect(() => {
    const ending = new AbortController();
    const shown = video.current;
    if (shown !== null) {
      look(shown, ending.signal).then(
        (code) => {
          if (code !== undefined) told.current(code);
        },
        (error: unknown) => {
          if (!ending.signal.aborted) setTrouble(troubleOf(error));
        },
      );
    }
    return () => {
      ending.abort();
    };
  }, []);
  return (
    <section className="trade-box camera" aria-label={say("camera/name")}>
      {trouble === undefined ? (
        <>
          <video ref={video} muted playsInline aria-hidden="true" />
          <p role="status">{say("camera/hold")}</p>
        </>
      ) : (
        <Alert color="red" variant="outline" role="alert" title={say(`camera/${trouble}/title`)}>
          {say(`camera/${trouble}/next`)}
        </Alert>
      )}
      <Button variant="outline" size="lg" onClick={close}>
        {say("camera/close")}
      </Button>
    </section>
  );
}

function troubleOf(error: unknown): Trouble {
  const name = error instanceof DOMException ? error.name : "";
  if (name === "NotAllowedError") return "denied";
  return name === "NotFoundError" || name === "NotReadableError" || name === "NotSupportedError"
    ? "none"
    : "broken";
}

async function look(video: HTMLVideoElement, signal: AbortSignal): Promise<string | undefined> {
  const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
  if (devices === undefined) throw new DOMException("", "NotSupportedError");
  const stream = await devices.getUserMedia({
    video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } },
  });
  const worker = new Worker(new URL("./reader.worker.ts", import.meta.url), { type: "module" });
  try {
    signal.throwIfAborted();
    video.srcObject = stream;
    await video.play();
    for (;;) {
      signal.throwIfAborted();
      const code = await readOnce(worker, pictureOf(video), signal);
      if (code !== "") return code;
      await new Promise((done) => setTimeout(done, PAUSE));
    }
  } finally {
    worker.terminate();
    stream.getTracks().forEach((each) => {
      each.stop();
    });
  }
}

function pictureOf(video: HTMLVideoElement): ImageData {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("no canvas");
  context.drawImage(video, 0, 0);
  return context.getImageData(0, 0, canvas.width, canvas.height);
}

async function readOnce(worker: Worker, picture: ImageData, signal: AbortSignal): Promise<string> {
  return new Promise((done, fail) => {
    signal.addEventListener("abort", () => {
      fail(new Error("closed"));
    });
    worker.onerror = () => {
      fail(new Error("no reader"));
    };
    worker.onmessage = (message: MessageEvent<{ code?: string; fault?: string }>) => {
      const { code, fault } = message.data;
      if (code === undefined) fail(new Error(fault));
      else done(code);
    };
    worker.postMessage(picture, [picture.data.buffer]);
  });
}
