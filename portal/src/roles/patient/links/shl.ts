/** Reading a SMART Health Link (HL7 SMART Health Cards and Links 1.0.0): the link, its file, the key. */
import { PASSCODE_WRONG, TroubleError } from "./trouble";

export interface Payload {
  readonly url: string;
  readonly key: string;
  /** Seconds since 1970; a hint, the node decides. */
  readonly exp?: number;
  readonly flag: string;
  readonly label: string;
}

interface ManifestFile {
  readonly embedded?: string;
  readonly location?: string;
}

const MARK = "shlink:/";
const KEY = /^[A-Za-z0-9_-]{43}$/;
const TAG_BYTES = 16;
const LONGEST = 64 * 1024 * 1024;

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  const plain = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function fieldsOf(text: string): Record<string, unknown> {
  const found: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytesOf(text)));
  if (typeof found !== "object" || found === null) throw new TroubleError("no_link");
  return found as Record<string, unknown>;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

/** Reads a link, with or without the address of a page before it; throws `TroubleError`. */
export function readLink(text: string): Payload {
  const at = text.indexOf(MARK);
  let said: Record<string, unknown>;
  try {
    if (at < 0) throw new TroubleError("no_link");
    said = fieldsOf(text.slice(at + MARK.length).trim());
  } catch {
    throw new TroubleError("no_link");
  }
  const [url, key] = [textOf(said.url), textOf(said.key)];
  if (url === "" || !KEY.test(key)) throw new TroubleError("no_link");
  // A later version may mean something else by the same words.
  if (said.v !== undefined && said.v !== 1) throw new TroubleError("newer");
  return {
    url,
    key,
    flag: textOf(said.flag),
    label: textOf(said.label),
    ...(typeof said.exp === "number" ? { exp: said.exp } : {}),
  };
}

/** Refuses an address elsewhere: this page speaks to its own node alone. */
export function placeOf(address: string, origin: string): string {
  const found = URL.canParse(address) ? new URL(address) : undefined;
  if (found?.origin !== origin || !found.pathname.startsWith("/shl/")) {
    throw new TroubleError("elsewhere");
  }
  return found.pathname;
}

async function refusedBy(response: Response): Promise<TroubleError> {
  const said = (await response.json().catch(() => ({}))) as { remainingAttempts?: unknown };
  if (response.status === 401) {
    return new TroubleError(PASSCODE_WRONG, Number(said.remainingAttempts ?? 0));
  }
  if (response.status === 404) return new TroubleError("not_there");
  return new TroubleError(response.status === 429 ? "too_often" : "unreachable");
}

async function ask(path: string, asked: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, {
      ...asked,
      credentials: "omit",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
  } catch {
    throw new TroubleError("unreachable");
  }
  if (!response.ok) throw await refusedBy(response);
  return response;
}

/** Opens a link once and gives its encrypted file. Each call may use an opening up. */
export async function fetchFile(
  link: Payload,
  recipient: string,
  passcode: string | undefined,
  origin: string,
): Promise<string> {
  const path = placeOf(link.url, origin);
  if (link.flag.includes("U")) {
    const query = new URLSearchParams({ recipient }).toString();
    return (await ask(`${path}?${query}`, { method: "GET" })).text();
  }
  const answer = await ask(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ recipient, ...(passcode === undefined ? {} : { passcode }) }),
  });
  const { files } = (await answer.json()) as { files?: readonly ManifestFile[] };
  const file = files?.[0];
  if (file?.embedded !== undefined) return file.embedded;
  if (file?.location === undefined) throw new TroubleError("damaged");
  return (await ask(placeOf(file.location, origin), { method: "GET" })).text();
}

/** Decrypts a compact JWE, `dir` with `A256GCM` (RFC 7516, RFC 7518); throws `TroubleError`. */
export async function decrypt(file: string, key: string): Promise<Uint8Array<ArrayBuffer>> {
  const [head = "", wrapped, nonce = "", content = "", tag = "", ...more] = file.trim().split(".");
  try {
    const said = fieldsOf(head);
    if (said.alg !== "dir" || said.enc !== "A256GCM" || wrapped !== "" || more.length > 0) {
      throw new TroubleError("damaged");
    }
    const sealed = await new Blob([bytesOf(content), bytesOf(tag)]).arrayBuffer();
    if (bytesOf(tag).length !== TAG_BYTES) throw new TroubleError("damaged");
    const secret = await crypto.subtle.importKey("raw", bytesOf(key), "AES-GCM", false, ["decrypt"]);
    const how = {
      name: "AES-GCM",
      iv: bytesOf(nonce),
      additionalData: new TextEncoder().encode(head),
      tagLength: TAG_BYTES * 8,
    };
    const plain = new Uint8Array(await crypto.subtle.decrypt(how, secret, sealed));
    return said.zip === "DEF" ? await unpacked(plain) : plain;
  } catch {
    throw new TroubleError("damaged");
  }
}

/** Unpacks raw DEFLATE (RFC 1951), never more than a browser can hold. */
async function unpacked(packed: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let size = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    size += value.length;
    if (size > LONGEST) throw new TroubleError("damaged");
    pieces.push(value);
  }
  return new Uint8Array(await new Blob(pieces).arrayBuffer());
}
