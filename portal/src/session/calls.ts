/** Calls of the node's sign-in routes. */
import { request } from "../api";

interface Asked {
  readonly body?: unknown;
  readonly signed?: boolean;
}

/** Sends one step; gives its answer. Refusals are thrown as `ProblemError`. */
export async function send(method: string, path: string, asked: Asked = {}): Promise<unknown> {
  return (await answer(method, path, asked)).json();
}

/** Sends one step; gives its answer and what the node's clock is ahead of this device's, in ms. */
export async function sendTimed(
  method: string,
  path: string,
  asked: Asked = {},
): Promise<{ value: unknown; ahead: number }> {
  const response = await answer(method, path, asked);
  const there = Date.parse(response.headers.get("date") ?? "");
  const ahead = Number.isFinite(there) ? there - Date.now() : 0;
  // The header counts whole seconds: a device that is about right is taken at its word.
  return { value: (await response.json()) as unknown, ahead: Math.abs(ahead) < 3_000 ? 0 : ahead };
}

function answer(method: string, path: string, asked: Asked): Promise<Response> {
  return request(method, path, { signed: false, ...asked });
}
