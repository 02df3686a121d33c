/** The camera: it looks until it finds a code. A photograph does as well; typing always does. */
import { Alert, Button, FileButton, Group } from "@mantine/core";
import { type ReactNode, useEffect, useRef, useState } from "react";

import { useText } from "../../../../text";
import { readPhoto, type Trouble, troubleOf, watch } from "./looking";

interface Props {
  readonly found: (code: string) => void;
  readonly close: () => void;
}

export function Camera({ found, close }: Props): ReactNode {
  const say = useText("scan");
  const video = useRef<HTMLVideoElement>(null);
  const [trouble, setTrouble] = useState<Trouble>();
  const told = useRef(found);
  useEffect(() => {
    told.current = found;
  });
  useEffect(() => {
    const ending = new AbortController();
    if (video.current !== null) {
      watch(video.current, ending.signal).then(
        (code) => {
          told.current(code);
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
  const look = (photo: File | null): void => {
    if (photo === null) return;
    readPhoto(photo).then(
      (code) => {
        if (code === "") setTrouble("unread");
        else told.current(code);
      },
      () => {
        setTrouble("unread");
      },
    );
  };
  return (
    <section className="camera" aria-label={say("camera/name")}>
      {/* It stays while a photograph is not readable: the camera goes on looking. */}
      <video ref={video} muted playsInline aria-hidden="true" hidden={trouble !== undefined && trouble !== "unread"} />
      {trouble === undefined ? (
        <p role="status">{say("camera/hold")}</p>
      ) : (
        <Alert color="red" variant="outline" role="alert" title={say(`camera/${trouble}/title`)}>
          {say(`camera/${trouble}/next`)}
        </Alert>
      )}
      <Group mt="sm">
        <FileButton accept="image/*" capture="environment" onChange={look}>
          {(door) => (
            <Button {...door} variant="outline" size="lg">
              {say("camera/photo")}
            </Button>
          )}
        </FileButton>
        <Button variant="outline" size="lg" onClick={close}>
          {say("camera/close")}
        </Button>
      </Group>
    </section>
  );
}
