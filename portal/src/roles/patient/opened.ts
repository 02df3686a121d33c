/** What was opened on this device, as the lines of a timeline; what is no text is a file. */
import { type OpenedRecord } from "../../reading";
import { reading, resourceOf } from "../../records";
import type { Entry } from "./reading";

/** A content that is not for reading here, to be kept as a file. */
export interface OpenedFile {
  readonly record: string;
  readonly mediaType: string;
  readonly content: Uint8Array<ArrayBuffer>;
}

export interface Lines {
  readonly entries: readonly Entry[];
  readonly files: readonly OpenedFile[];
}

/** The list of its slices alone: a large object itself is fetched from the hospital. */
const LARGE = "application/vnd.yilian.large+json";
const NOTE = /^text\/plain\b/;

export function linesOf(organisation: string, opened: readonly OpenedRecord[]): Lines {
  const corrected = new Map(opened.map((each) => [each.proof.replaces ?? "", each.record]));
  const entries: Entry[] = [];
  const files: OpenedFile[] = [];
  for (const each of opened) {
    const content = textOf(each);
    if (content === undefined) {
      files.push({ record: each.record, mediaType: each.mediaType, content: each.content });
    } else {
      entries.push(entryOf(organisation, each, content, corrected.get(each.record) ?? null));
    }
  }
  return { entries, files };
}

/** Whether a file is the plan of a larger one, and is of no use by itself. */
export function isLarge(file: OpenedFile): boolean {
  return file.mediaType === LARGE;
}

/** The exact text of a resource or note; undefined for anything else. */
function textOf({ content, mediaType }: OpenedRecord): string | undefined {
  try {
    const found = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
    return NOTE.test(mediaType) || resourceOf(found) !== undefined ? found : undefined;
  } catch {
    return undefined;
  }
}

function entryOf(
  organisation: string, { record, mediaType, proof }: OpenedRecord, content: string, replaced: string | null,
): Entry {
  const resource = resourceOf(content);
  const found = resource === undefined ? undefined : reading(resource);
  const when = found?.when ?? "";
  const low = Date.parse(when);
  const time = { element: "", text: when, end: null, low: Number.isNaN(low) ? null : low, high: null };
  return {
    type: found?.type ?? "",
    status: null,
    time: when === "" ? null : time,
    codes: [],
    display: null,
    value: null,
    media_type: mediaType,
    content,
    sources: [
      {
        organisation,
        record,
        // Its members are those of the node's answer, the salt besides.
        proof: proof as NonNullable<Entry["sources"][number]["proof"]>,
        session: null,
        replaced,
        redacted: [],
      },
    ],
    conflicts: [],
  };
}
