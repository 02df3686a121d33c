/** What a doctor wrote and what waits to be recorded: written down first, recorded once. */
import type { AnswerOf } from "../../../api";
import { request } from "../../../api";
import { queue, type Waits } from "../../../waiting";
import { bytesOf } from "./resources";

const ROUTE = "/v1/organisations/{organisation}/encounters/{encounter}/records/{record}";
const FHIR = "application/fhir+json";

export type Recorded = AnswerOf<typeof ROUTE, "put">;

export interface Draft extends Waits {
  /** Who wrote it; nobody else's session sends it or shows it. */
  readonly author: string;
  readonly organisation: string;
  readonly encounter: string;
  readonly person: string;
  /** The person's name, to show it. */
  readonly name: string;
  /** Under this id the node writes it once. */
  readonly record: string;
  readonly content: string;
  /** What it says, in words. */
  readonly said: string;
}

export const drafts = queue<Draft>("yilian-doctor", {
  owner: (each) => each.author,
  key: (each) => each.record,
});

/** Sends one as it was written down. */
export async function sendDraft(draft: Draft): Promise<Recorded> {
  const { organisation, encounter, record, person, content } = draft;
  const answer = await request("PUT", ROUTE, {
    path: { organisation, encounter, record },
    query: { person },
    headers: { "Content-Type": FHIR },
    body: bytesOf(content),
  });
  return (await answer.json()) as Recorded;
}
