/** What was learnt, kept in this browser, apart for each who signs in here. */
import { useLocalStorage } from "@mantine/hooks";

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
