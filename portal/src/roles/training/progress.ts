/** What was learnt and answered, kept in this browser, apart for each who signs in here. */
import { useLocalStorage } from "@mantine/hooks";
import { useEffect } from "react";

import { useWho } from "../../who";
import type { Course, LessonName } from "./courses";

type Kept = Readonly<Record<string, readonly string[]>>;

export interface Progress {
  readonly done: (course: Course, lesson: LessonName) => boolean;
  readonly finish: (course: Course, lesson: LessonName) => void;
  /** How many of a course's lessons are done. */
  readonly count: (course: Course) => number;
}

export function useProgress(): Progress {
  const who = useWho();
  useSheet();
  const key = `yilian-training-${who?.subject ?? "anybody"}`;
  const [kept, keep] = useLocalStorage<Kept>({ key, defaultValue: {}, getInitialValueInEffect: false });
  const of = (course: Course): readonly string[] => kept[course.name] ?? [];
  return {
    done: (course, lesson) => of(course).includes(lesson),
    finish: (course, lesson) => {
      if (!of(course).includes(lesson)) keep({ ...kept, [course.name]: [...of(course), lesson] });
    },
    count: (course) => course.lessons.filter(({ name }) => of(course).includes(name)).length,
  };
}

type Answers = Readonly<Record<string, string>>;

/** An answer sheet that was not handed in yet. */
interface Sheet {
  readonly subject: string;
  readonly attempt: string;
  readonly answers: Answers;
}

const NO_ANSWERS: Answers = {};

/** The one sheet that is kept; that of another who signed in here before is thrown away. */
function useSheet(): [Sheet | undefined, string, (sheet: Sheet) => void, () => void] {
  const subject = useWho()?.subject ?? "";
  const [kept, keep, forget] = useLocalStorage<Sheet | undefined>({
    key: "yilian-training-sheet",
    getInitialValueInEffect: false,
  });
  const another = kept !== undefined && subject !== "" && kept.subject !== subject;
  useEffect(() => {
    if (another) forget();
  }, [another, forget]);
  return [kept?.subject === subject ? kept : undefined, subject, keep, forget];
}

/** The answers of an attempt so far; they outlast a reload and a lost connection. */
export function useAnswers(attempt: string): [Answers, (answers: Answers) => void] {
  const [kept, subject, keep] = useSheet();
  return [
    kept?.attempt === attempt ? kept.answers : NO_ANSWERS,
    (answers) => { keep({ subject, attempt, answers }); },
  ];
}

/** Forgets the answers of an attempt once they were judged, or can be no more. */
export function useForgotten(attempt: string, over: boolean): void {
  const [kept, , , forget] = useSheet();
  const here = over && kept?.attempt === attempt;
  useEffect(() => {
    if (here) forget();
  }, [here, forget]);
}
