/** The courses: which lessons, in which order, how long each takes, and who is led to them. */
import type { Who, Work } from "../../who";

export type CourseName = "basics" | "patient" | "pharmacist" | "doctor" | "desk";
export type LessonName =
  | "see"
  | "share"
  | "stop"
  | "looked"
  | "proof"
  | "scan"
  | "verdicts"
  | "recall"
  | "slip"
  | "verify"
  | "offline"
  | "queue"
  | "elsewhere"
  | "ask"
  | "urgent"
  | "correct"
  | "review"
  | "find"
  | "enrol"
  | "link"
  | "visit"
  | "invite"
  | "witness";

export interface Lesson {
  readonly name: LessonName;
  readonly minutes: number;
}

export interface Course {
  readonly name: CourseName;
  readonly lessons: readonly Lesson[];
  /** Minutes of its quiz; a course without one gives no credential. */
  readonly quiz?: number;
}

const PROOF: Lesson = { name: "proof", minutes: 3 };
const SCAN: Lesson = { name: "scan", minutes: 3 };

export const COURSES: readonly Course[] = [
  { name: "basics", lessons: [SCAN, PROOF] },
  {
    name: "patient",
    lessons: [
      { name: "see", minutes: 3 },
      { name: "share", minutes: 5 },
      { name: "stop", minutes: 3 },
      { name: "looked", minutes: 4 },
      PROOF,
      SCAN,
    ],
    quiz: 7,
  },
  {
    name: "pharmacist",
    lessons: [
      { name: "verdicts", minutes: 4 },
      { name: "recall", minutes: 3 },
      { name: "slip", minutes: 5 },
      { name: "verify", minutes: 3 },
      { name: "offline", minutes: 4 },
      PROOF,
    ],
    quiz: 7,
  },
  {
    name: "doctor",
    lessons: [
      { name: "queue", minutes: 3 },
      { name: "elsewhere", minutes: 4 },
      { name: "ask", minutes: 3 },
      { name: "urgent", minutes: 5 },
      { name: "correct", minutes: 4 },
      { name: "review", minutes: 4 },
    ],
    quiz: 7,
  },
  {
    name: "desk",
    lessons: [
      { name: "find", minutes: 3 },
      { name: "enrol", minutes: 5 },
      { name: "link", minutes: 4 },
      { name: "visit", minutes: 3 },
      { name: "invite", minutes: 3 },
      { name: "witness", minutes: 5 },
    ],
    quiz: 7,
  },
];

/** The courses of each kind of work, in the order in which they are offered. */
const FOR_WORK: readonly (readonly [Work, CourseName])[] = [
  ["doctor", "doctor"],
  ["desk", "desk"],
  ["supply", "pharmacist"],
];

/** All in all, the quiz too. */
export function minutes({ lessons, quiz = 0 }: Course): number {
  return lessons.reduce((sum, each) => sum + each.minutes, quiz);
}

/** Which courses are for somebody; the node judges again who may take a quiz. */
export function coursesFor(who: Who | undefined): readonly Course[] {
  return wanted(who).flatMap((name) => COURSES.filter((each) => each.name === name));
}

/** The courses for one's own work; all of them for who has none yet, such as before a licence. */
function wanted(who: Who | undefined): readonly CourseName[] {
  if (who?.level !== 2) return ["basics"];
  if (who.kind === "person") return ["patient", "basics"];
  const all = FOR_WORK.map(([, course]) => course);
  const own = FOR_WORK.filter(([work]) => who.roles.includes(work)).map(([, course]) => course);
  return [...(own.length > 0 ? own : all), "patient", "basics"];
}

export function courseOf(name: string | undefined): Course | undefined {
  return COURSES.find((each) => each.name === name);
}
