/** News from the node: its event stream, read by fetch, resumed where it broke off. */
import { useEffect, useRef, useState } from "react";

import { request } from "./api";
import { ProblemError } from "./problem";

export interface LiveEvent {
  /** Its place on the chain; a stream goes on behind it. */
  readonly id: string;
  readonly height: number;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Null for what a timer caused. */
  readonly transaction: string | null;
  readonly event: Readonly<Record<string, unknown>> & { readonly type: string };
}

export interface Wanted {
  /** A place, or `latest` for news alone. */
  readonly after?: string;
  readonly capability?: string;
  /** Only events that name this id. */
  readonly id?: string;
}

export type Connection = "open" | "waiting" | "refused";

/** Cuts a stream of Server-Sent Events (WHATWG HTML, 9.2) into events, however it is chopped. */
export class Frames {
  #rest = "";

  push(text: string): LiveEvent[] {
    const lines = (this.#rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.#rest = lines.pop() ?? "";
    return lines.map(read).filter((each) => each !== undefined);
  }
}

function read(frame: string): LiveEvent | undefined {
  let id = "";
  let data = "";
  for (const line of frame.split("\n")) {
    if (line.startsWith("id: ")) {
      id = line.slice(4);
    } else if (line.startsWith("data: ")) {
      data += line.slice(6);
    }
  }
  return data === "" ? undefined : { id, ...(JSON.parse(data) as Omit<LiveEvent, "id">) };
}

export interface Follow extends Wanted {
  readonly signal: AbortSignal;
  readonly on: (event: LiveEvent) => void;
  readonly state?: (connection: Connection) => void;
  /** The first wait before connecting again, in milliseconds; doubled up to thirty times it. */
  readonly pause?: number;
}

/** Follows events until `signal` ends it. Ends by itself only where the node refuses for good. */
export async function follow(asked: Follow): Promise<void> {
  const first = asked.pause ?? 500;
  let reached: string | undefined;
  let pause = first;
  const wanted = (): boolean => !asked.signal.aborted;
  while (wanted()) {
    try {
      await stream(asked, reached, (event) => {
        reached = event.id;
        pause = first;
        asked.on(event);
      });
    } catch (error) {
      if (error instanceof ProblemError && !error.transient) {
        asked.state?.("refused");
        return;
      }
    }
    if (wanted()) {
      asked.state?.("waiting");
      await wait(pause, asked.signal);
      pause = Math.min(pause * 2, first * 30);
    }
  }
}

async function stream(
  asked: Follow,
  reached: string | undefined,
  on: (event: LiveEvent) => void,
): Promise<void> {
  const response = await request("GET", "/v1/events", {
    query: { after: asked.after, capability: asked.capability, id: asked.id },
    headers: {
      Accept: "text/event-stream",
      ...(reached === undefined ? {} : { "Last-Event-ID": reached }),
    },
    signal: asked.signal,
    timeout: 0,
  });
  asked.state?.("open");
  const frames = new Frames();
  const decoder = new TextDecoder();
  const reader = response.body?.getReader();
  for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
    frames.push(decoder.decode(part.value, { stream: true })).forEach(on);
  }
}

function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener("abort", done);
  });
}

/** Follows events as long as a component is shown; gives how the connection stands. */
export function useLive(wanted: Wanted, on: (event: LiveEvent) => void): Connection {
  const [state, setState] = useState<Connection>("waiting");
  const handler = useRef(on);
  useEffect(() => {
    handler.current = on;
  });
  const { after, capability, id } = wanted;
  useEffect(() => {
    const ending = new AbortController();
    void follow({
      ...(after === undefined ? {} : { after }),
      ...(capability === undefined ? {} : { capability }),
      ...(id === undefined ? {} : { id }),
      signal: ending.signal,
      on: (event) => {
        handler.current(event);
      },
      state: setState,
    });
    return () => {
      ending.abort();
    };
  }, [after, capability, id]);
  return state;
}
