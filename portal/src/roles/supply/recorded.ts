/** An event of this organisation's, and the way from its text to what stands on the chain. */
import { type AnswerOf, get } from "../../api";
import type { Subject } from "../../proof";
import { concat, fromBase64, sha256, toBase64url, utf8 } from "../../proof/bytes";
import { pathRoot } from "../../proof/merkle";
import { postOf } from "../regulator/posts";

export type Recorded = AnswerOf<"/v1/organisations/{organisation}/supply/recorded">;
type Post = AnswerOf<"/v1/supply/posts/{id}">;

/** What the page says of the event. */
export interface Told {
  readonly event: string;
  /** When it was done (ms); undefined where the page does not say. */
  readonly at?: number;
}

const POST = utf8("yilian-supply-post/1");
const HASH = /^ni:\/\/\/sha-256;([0-9a-f]{64})\?ver=CBV2\.0$/;
const NOT_SHOWN = "";

/**
 * The root that the event leads to (docs/supply.md, "Checked by a stranger"), worked out from the
 * text that came: what was altered leads elsewhere. Empty where it leads nowhere, or where the text
 * is not of the event that the page shows.
 */
export function rootOf({ content, proof }: Recorded, told: Told): string {
  if (proof == null || !isOf(content, told)) return NOT_SHOWN;
  const digest = HASH.exec(proof.event_hash)?.[1] ?? "";
  const hash = Uint8Array.from(digest.match(/../g) ?? [], (each) => parseInt(each, 16));
  const [salt, titles, ...path] = [proof.salt, proof.titles_root, ...proof.path].map(fromBase64);
  if (salt == null || titles == null || path.some((each) => each === null)) return NOT_SHOWN;
  const leaf = concat(salt, hash, sha256(utf8(content)));
  const steps = path.filter((each) => each !== null);
  const events = pathRoot(leaf, BigInt(proof.index), BigInt(proof.total), steps);
  return events === null ? NOT_SHOWN : toBase64url(sha256(concat(POST, events, titles)));
}

function isOf(content: string, { event, at }: Told): boolean {
  try {
    const said = JSON.parse(content) as { eventID?: unknown; eventTime?: unknown };
    const when = Date.parse(String(said.eventTime));
    return said.eventID === event && (at === undefined || when === at);
  } catch {
    return false;
  }
}

/** What a badge checks: that the chain has just this root for that interval. */
export function subjectOf(recorded: Recorded, told: Told, id: string, post: Post): Subject {
  return {
    kind: "state",
    key: `supply/post/${id}`,
    value: { ...post.value, root: rootOf(recorded, told) },
    ...(post.proof == null ? {} : { proof: post.proof }),
  };
}

/** Reads an event; `subject` is undefined as long as no post has it. */
export async function recorded(
  organisation: string, told: Told, signal: AbortSignal,
): Promise<{ readonly subject: Subject | undefined; readonly posted: number | undefined }> {
  const path = { organisation };
  const found = await get("/v1/organisations/{organisation}/supply/recorded", {
    path, query: { event: told.event }, signal,
  });
  if (found.proof == null || found.proof.organisation !== organisation) {
    return { subject: undefined, posted: undefined };
  }
  const id = postOf(organisation, found.proof.interval);
  const post = await get("/v1/supply/posts/{id}", { path: { id }, query: { proof: true }, signal });
  return { subject: subjectOf(found, told, id, post), posted: post.value.time };
}
