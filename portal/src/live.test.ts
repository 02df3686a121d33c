import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { afterEach, expect, test, vi } from "vitest";

import { type Connection, follow, Frames, type LiveEvent } from "./live";

const line = (number: number): string =>
  `id: ${number}.0.0\nevent: consent.Granted\ndata: {"event":{"type":"consent.Granted"},"height":${number},"time":1,"transaction":null}\n\n`;

test("a stream is read the same however it is chopped", () => {
  const whole = `: open\n\n${line(1)}: still here\n\n${line(2)}${line(3)}`;
  for (let size = 1; size <= whole.length; size += 7) {
    const frames = new Frames();
    const found: string[] = [];
    for (let at = 0; at < whole.length; at += size) {
      found.push(...frames.push(whole.slice(at, at + size)).map((each) => each.id));
    }
    expect(found).toEqual(["1.0.0", "2.0.0", "3.0.0"]);
  }
});

let server: Server | undefined;
afterEach(() => {
  vi.unstubAllGlobals();
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: (last: string | undefined, response: ServerResponse) => void) {
  server = createServer((request, response) => {
    answer(request.headers["last-event-id"] as string | undefined, response);
  });
  await new Promise<void>((resolve) => server?.listen(0, "127.0.0.1", resolve));
  const port = (server.address() as AddressInfo).port;
  const real = globalThis.fetch;
  vi.stubGlobal("fetch", (path: string, init: RequestInit) =>
    real(`http://127.0.0.1:${port}${path}`, init),
  );
}

test("a broken stream goes on behind the last event that came", async () => {
  const asked: (string | undefined)[] = [];
  await serve((last, response) => {
    asked.push(last);
    response.writeHead(200, { "content-type": "text/event-stream" });
    const next = Number((last ?? "0").split(".")[0]) + 1;
    response.write(line(next));
    response.write(line(next + 1).slice(0, 20));
    setTimeout(() => response.destroy(), 5);
  });
  const ending = new AbortController();
  const events: LiveEvent[] = [];
  const on = (event: LiveEvent): void => {
    events.push(event);
    if (events.length === 3) {
      ending.abort();
    }
  };
  await follow({ signal: ending.signal, on, pause: 1 });
  expect(events.map((each) => each.height)).toEqual([1, 2, 3]);
  expect(asked).toEqual([undefined, "1.0.0", "2.0.0"]);
});

test("a refusal for good ends it, a busy node does not", async () => {
  let calls = 0;
  await serve((_, response) => {
    calls += 1;
    response.writeHead(calls < 3 ? 503 : 400, { "content-type": "application/problem+json" });
    response.end(JSON.stringify({ code: calls < 3 ? "unavailable" : "bad_parameter" }));
  });
  const states: Connection[] = [];
  await follow({
    signal: new AbortController().signal,
    on: () => undefined,
    state: (each) => states.push(each),
    pause: 1,
  });
  expect(states).toEqual(["waiting", "waiting", "refused"]);
});
