/** The button that brings the camera, and the camera; nothing of it is loaded before. */
import { Button } from "@mantine/core";
import { lazy, type ReactNode, Suspense, useState } from "react";

import { Loading } from "../../../../components/Standing";
import { useText } from "../../../../text";

const Camera = lazy(async () => ({ default: (await import("./Camera")).Camera }));

export function CameraDoor({ found }: { found: (code: string) => void }): ReactNode {
  const say = useText("scan");
  const [open, setOpen] = useState(false);
  if (!open) {
    return (
      <Button
        size="lg"
        variant="outline"
        mt="sm"
        onClick={() => {
          setOpen(true);
        }}
      >
        {say("camera/open")}
      </Button>
    );
  }
  const close = (): void => {
    setOpen(false);
  };
  return (
    <Suspense fallback={<Loading />}>
      <Camera
        close={close}
        found={(code) => {
          close();
          found(code);
        }}
      />
    </Suspense>
  );
}
