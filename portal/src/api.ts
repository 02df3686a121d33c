/** Calls of the node, typed by its own OpenAPI document; refusals are thrown as `ProblemError`. */
import i18next from "i18next";

import type { paths } from "./api.types";
import {
  type Problem,
  ProblemError,
  TIMED_OUT,
  UNREACHABLE,
  UNREADABLE,
  problemOf,
} from "./problem";

type Method = "get" | "post" | "put" | "delete";
export type PathOf<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, object> ? P : never;
}[keyof paths];
type OperationOf<P extends keyof paths, M extends Method> = paths[P][M];
type Content<R> = R extends { content: { "application/json": infer T } } ? T : never;
/** What an address answers when all went well. */
export type AnswerOf<P extends keyof paths, M extends Method = "get"> =
  OperationOf<P, M> extends { responses: infer R } ? Content<R[keyof R & (200 | 201 | 202)]> : never;
type Places<P extends keyof paths, M extends Method> =
  OperationOf<P, M> extends { parameters: { path: infer T extends object } } ? { path: T } : object;
type Query<P extends keyof paths, M extends Method> =
  OperationOf<P, M> extends { parameters: { query?: infer T } } ? { query?: T } : object;
type BodyOf<P extends keyof paths, M extends Method> =
  OperationOf<P, M> extends { requestBody: { content: { "application/json": infer T } } }
    ? { body: T | Uint8Array<ArrayBuffer> }
    : object;

export interface Options {
  readonly signal?: AbortSignal;
  /** Milliseconds until the call is given up; 20,000 unless said, 0 for never. */
  readonly timeout?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether the request says who asks; by default below /v1/organisations alone. */
  readonly signed?: boolean;
}

export type Asked<P extends keyof paths, M extends Method> = Options &
  Places<P, M> &
  Query<P, M> &
  BodyOf<P, M>;
type Arguments<T> = object extends T ? [asked?: T] : [asked: T];

/** Gives the headers that show who asks; `path` is with its query. */
export type RequestSigner = (
  method: string,
  path: string,
  body: Uint8Array<ArrayBuffer> | undefined,
) => Promise<Readonly<Record<string, string>>>;

let requestSigner: RequestSigner | undefined;

/** The session gives this when somebody signs in, and `undefined` when they sign out. */
export function setRequestSigner(signer: RequestSigner | undefined): void {
  requestSigner = signer;
}

/** Answers a request in this browser; undefined lets it go to the node. */
export type Inside = (method: string, path: string, body: unknown) => Response | undefined;

let inside: Inside | undefined;

/** Training gives this while somebody practises, for requests that name what is made up. */
export function setInside(answers: Inside | undefined): void {
  inside = answers;
}

let refusalListener: ((problem: Problem) => void) | undefined;

/** The session listens here for refusals that say it is over. */
export function setRefusalListener(listener: (problem: Problem) => void): void {
  refusalListener = listener;
}

const TIMEOUT = 20_000;

/** Fills an address: `/v1/blocks/{height}` with `{height: 4}` and a query. */
export function address(
  path: string,
  places: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, unknown>> = {},
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(places[name])),
  );
  const asked = Object.entries(query).filter(([, value]) => value !== undefined);
  const text = new URLSearchParams(asked.map(([name, value]) => [name, String(value)])).toString();
  return text === "" ? filled : `${filled}?${text}`;
}

interface Loose extends Options {
  path?: Record<string, unknown>;
  query?: Record<string, unknown>;
  body?: unknown;
}

function bytesOf(body: unknown): Uint8Array<ArrayBuffer> | undefined {
  if (body === undefined || body instanceof Uint8Array) {
    return body as Uint8Array<ArrayBuffer> | undefined;
  }
  return new TextEncoder().encode(JSON.stringify(body));
}

/** Sends one request and gives its answer as it is; refusals are thrown. */
export async function request(method: string, path: string, asked: Loose = {}): Promise<Response> {
  const where = address(path, asked.path, asked.query);
  const practised = inside?.(method, where, asked.body);
  if (practised !== undefined) {
    if (practised.ok) return practised;
    throw await problemOf(practised);
  }
  const body = bytesOf(asked.body);
  const headers: Record<string, string> = {
    Accept: "application/json",
    "Accept-Language": i18next.isInitialized ? i18next.language : "en",
    ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    ...asked.headers,
  };
  if ((asked.signed ?? path.startsWith("/v1/organisations/")) && requestSigner !== undefined) {
    Object.assign(headers, await requestSigner(method, where, body));
  }
  const timeout = asked.timeout ?? TIMEOUT;
  const late = timeout === 0 ? undefined : AbortSignal.timeout(timeout);
  const signals = [asked.signal, late].filter((each) => each !== undefined);
  let response: Response;
  try {
    response = await fetch(where, {
      method,
      headers,
      signal: AbortSignal.any(signals),
      body: body ?? null,
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
  } catch (error) {
    if (asked.signal?.aborted === true) {
      throw error;
    }
    throw new ProblemError({ code: late?.aborted === true ? TIMED_OUT : UNREACHABLE, status: 0 });
  }
  if (!response.ok) {
    const refused = await problemOf(response);
    refusalListener?.(refused.problem);
    throw refused;
  }
  return response;
}

async function json(method: string, path: string, asked: unknown): Promise<never> {
  const response = await request(method, path, asked as Loose);
  try {
    return (await response.json()) as never;
  } catch {
    throw new ProblemError({ code: UNREADABLE, status: response.status });
  }
}

export function get<P extends PathOf<"get">>(
  path: P,
  ...[asked]: Arguments<Asked<P, "get">>
): Promise<AnswerOf<P>> {
  return json("GET", path, asked);
}

export function post<P extends PathOf<"post">>(
  path: P,
  ...[asked]: Arguments<Asked<P, "post">>
): Promise<AnswerOf<P, "post">> {
  return json("POST", path, asked);
}

export function put<P extends PathOf<"put">>(
  path: P,
  ...[asked]: Arguments<Asked<P, "put">>
): Promise<AnswerOf<P, "put">> {
  return json("PUT", path, asked);
}

export function remove<P extends PathOf<"delete">>(
  path: P,
  ...[asked]: Arguments<Asked<P, "delete">>
): Promise<AnswerOf<P, "delete">> {
  return json("DELETE", path, asked);
}
