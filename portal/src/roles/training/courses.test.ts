import { describe, expect, test } from "vitest";

import { COURSES, coursesFor, minutes } from "./courses";
import { EXERCISES } from "./lessons";

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
    expect(names({ ...SOMEBODY, kind: "person", roles: ["patient"] })).toEqual(["patient", "basics"]);
    expect(names({ ...SOMEBODY, kind: "person", level: 1 })).toEqual(["basics"]);
  });

  test("are those of one's work, and all of them before one has any", () => {
    const staff = { ...SOMEBODY, kind: "practitioner" };
    expect(names({ ...staff, roles: ["doctor"] })).toEqual(["doctor", "patient", "basics"]);
    expect(names({ ...staff, roles: ["supply"] })).toEqual(["pharmacist", "patient", "basics"]);
    const house = { ...SOMEBODY, kind: "agent", roles: ["desk", "supply", "operator"] as const };
    expect(names(house)).toEqual(["desk", "pharmacist", "patient", "basics"]);
    expect(names(staff)).toEqual(["doctor", "desk", "pharmacist", "patient", "basics"]);
  });

  test("have a place for each lesson's exercise", () => {
    const all = new Set(COURSES.flatMap((each) => each.lessons.map(({ name }) => name)));
    expect(new Set(Object.keys(EXERCISES))).toEqual(all);
  });
});
