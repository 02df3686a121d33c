/** What is done in each lesson. */
import { type ComponentType, lazy } from "react";

import type { LessonName } from "../courses";
import { Looked } from "./Looked";
import { Offline } from "./Offline";
import { Proof } from "./Proof";
import { Recall } from "./Recall";
import { Scan } from "./Scan";
import { See } from "./See";
import { Share } from "./Share";
import { Slip } from "./Slip";
import { Stop } from "./Stop";
import { Verdicts } from "./Verdicts";
import { Verify } from "./Verify";

export interface Exercise {
  /** Told once what the lesson is about was done. */
  readonly onDone: () => void;
}

export const EXERCISES: Readonly<Record<LessonName, ComponentType<Exercise>>> = {
  see: See,
  share: Share,
  stop: Stop,
  looked: Looked,
  proof: Proof,
  scan: Scan,
  verdicts: Verdicts,
  recall: Recall,
  slip: Slip,
  verify: Verify,
  offline: Offline,
  // Who learns for work loads the parts of that work; patients do not wait for them.
  queue: lazy(() => import("./doctor/Queue")),
  elsewhere: lazy(() => import("./doctor/Elsewhere")),
  ask: lazy(() => import("./doctor/Ask")),
  urgent: lazy(() => import("./doctor/Urgent")),
  correct: lazy(() => import("./doctor/Correct")),
  review: lazy(() => import("./doctor/Review")),
  find: lazy(() => import("./desk/Find")),
  enrol: lazy(() => import("./desk/Enrol")),
  link: lazy(() => import("./desk/Link")),
  visit: lazy(() => import("./desk/Visit")),
  invite: lazy(() => import("./desk/Invite")),
  witness: lazy(() => import("./desk/Witness")),
};
