/** How a request goes from draft to answer: by the outbox, unless somebody only practises. */
import { createContext, useContext } from "react";

import type { Bytes } from "./bytes";
import type { Opened } from "./opened";
import { useSigning, type Signing } from "./use-signing";

export type Follow = (
  bytes: Bytes, opened: Record<number, Opened>, names?: ReadonlyMap<string, string>,
) => Signing;

/** Training puts its own here: the same words, and nothing is signed, kept or sent. */
export const FollowedBy = createContext<Follow>(useSigning);

/** The way is the same for as long as a component stands, so its hooks stay the same. */
export const useFollowed: Follow = (bytes, opened, names) => useContext(FollowedBy)(bytes, opened, names);
