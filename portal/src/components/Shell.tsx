/** The frame of every page. */
import { Suspense, useSyncExternalStore, type ReactNode } from "react";
import { Outlet, useNavigation } from "react-router";

import { useStanding } from "../session/standing";
import { useText } from "../text";
import { Header } from "./Header";
import { Loading } from "./Standing";

export const MAIN = "main";

export function Shell(): ReactNode {
  useStanding();
  return (
    <Frame>
      <Suspense fallback={<Loading />}>
        <Outlet />
      </Suspense>
    </Frame>
  );
}

/** The frame with something else than a page in it. */
export function Frame({ children }: { children: ReactNode }): ReactNode {
  const say = useText();
  const busy = useNavigation().state === "loading";
  return (
    <>
      <a
        href={`#${MAIN}`}
        className="skip"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById(MAIN)?.focus();
        }}
      >
        {say("skip")}
      </a>
      <Header />
      <Offline />
      <main id={MAIN} tabIndex={-1} aria-busy={busy}>
        {children}
      </main>
    </>
  );
}

function subscribe(listener: () => void): () => void {
  window.addEventListener("online", listener);
  window.addEventListener("offline", listener);
  return () => {
    window.removeEventListener("online", listener);
    window.removeEventListener("offline", listener);
  };
}

function Offline(): ReactNode {
  const say = useText();
  const online = useSyncExternalStore(subscribe, () => navigator.onLine);
  return (
    <div role="status" className="offline">
      {online ? null : say("offline")}
    </div>
  );
}
