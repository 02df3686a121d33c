import { describe, expect, test } from "vitest";

import { COURSES, coursesFor, minutes } from "./courses";

const SOMEBODY = { subject: "s", organisation: "o", roles: [], level: 2 } as const;
const names = (who: Parameters<typeof coursesFor>[0]): string[] => coursesFor(who).map((each) => each.name);

describe("courses", () => {
  test.each(COURSES)("$name takes thirty minutes at most", (course) => {
    expect(minutes(course)).toBeLessThanOrEqual(30);
    expect(new Set(course.lessons.map((each) => each.name)).size).toBe(course.lessons.length);
  });

  test("are for whom they are meant", () => {
    expect(names(undefined)).toEqual(["basics"]);
    expect(names({ ...SOMEBODY, kind: "person" })).toEqual(["patient", "basics"]);
    expect(names({ ...SOMEBODY, kind: "practitioner" })).toEqual(["pharmacist", "patient", "basics"]);
    expect(names({ ...SOMEBODY, kind: "person", level: 1 })).toEqual(["basics"]);
  });
});
