/** Holds opened records against the chain, one after the other, each batch's paper fetched once. */

import { check, fromNode } from "../proof/check";
import type { Json } from "../proof/json";
import { NotVerified } from "../proof/refusal";
import type { OpenedRecord } from "./open";

/** Of which records the chain vouches, and of which it says otherwise; the rest could not be asked. */
export interface Anchored {
  readonly held: number;
  readonly wrong: readonly string[];
}

export async function anchored(organisation: string, of: readonly OpenedRecord[]): Promise<Anchored> {
  const papers = new Map<string, Promise<Uint8Array>>();
  const load = (path: string): Promise<Uint8Array> => {
    const found = papers.get(path) ?? fromNode(path);
    papers.set(path, found);
    return found;
  };
  let held = 0;
  const wrong: string[] = [];
  for (const { record, content, proof } of of) {
    try {
      await check({ kind: "record", organisation, record, content, proof: proof as unknown as Json }, [], load);
      held += 1;
    } catch (error) {
      // No answer says nothing about the record.
      if (error instanceof NotVerified) wrong.push(record);
    }
  }
  return { held, wrong };
}
