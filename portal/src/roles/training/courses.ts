/** The courses: which lessons, in which order, how long each takes, and who is led to them. */
import type { Who } from "../../who";

export type CourseName = "basics" | "patient" | "pharmacist";
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
  | "offline";

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
];

/** All in all, the quiz too. */
export function minutes({ lessons, quiz = 0 }: Course): number {
  return lessons.reduce((sum, each) => sum + each.minutes, quiz);
}

/** Which courses are for somebody; the node judges again who may take a quiz. */
export function coursesFor(who: Who | undefined): readonly Course[] {
  const staff = who?.level === 2 && who.kind !== "person";
  const wanted: readonly CourseName[] =
    who?.level !== 2 ? ["basics"] : staff ? ["pharmacist", "patient", "basics"] : ["patient", "basics"];
  return wanted.flatMap((name) => COURSES.filter((each) => each.name === name));
}

export function courseOf(name: string | undefined): Course | undefined {
  return COURSES.find((each) => each.name === name);
}
