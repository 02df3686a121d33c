/** Who finds which pages: nothing is given that is not named, and each page of another role is closed. */
import { afterEach, expect, test } from "vitest";

import { commonRoles, home, workingRoles } from "./components/working";
import { ROLES } from "./routes";
import { rolesOf, setWho, type Standing, type Who, type Work, WORKS, works } from "./who";

const ID = "A".repeat(22);

function standing(organisation_kind: string | null, ...professions: string[]): Standing {
  return { organisation_kind, licences: professions.map((profession) => ({ profession, ends: 1 })) };
}

function somebody(kind: string, of: Standing | undefined, level: 1 | 2 = 2): Who {
  return { subject: ID, organisation: ID, kind, roles: rolesOf(kind, of), level };
}

const PEOPLE: readonly [string, string, Standing | undefined, readonly Work[]][] = [
  ["a person", "person", standing("hospital"), ["patient"]],
  ["a carer", "person", { ...standing("hospital"), acts_for: true }, ["patient", "carer"]],
  ["a person of an earlier session", "person", undefined, ["patient"]],
  ["a physician", "practitioner", standing("hospital", "physician"), ["doctor"]],
  ["a nurse", "practitioner", standing("clinic", "nurse"), ["doctor"]],
  ["a pharmacist", "practitioner", standing("pharmacy", "pharmacist"), ["supply"]],
  ["a hospital's pharmacist", "practitioner", standing("hospital", "pharmacist"), ["supply"]],
  ["one with both", "practitioner", standing("hospital", "pharmacist", "physician"), ["doctor", "supply"]],
  ["an unlicensed practitioner", "practitioner", standing("hospital"), []],
  ["an unknown profession", "practitioner", standing("hospital", "astrologer"), []],
  ["a practitioner not asked about yet", "practitioner", undefined, []],
  ["a hospital's agent", "agent", standing("hospital"), ["desk", "supply", "operator"]],
  ["a clinic itself", "organisation", standing("clinic"), ["desk", "supply", "operator"]],
  ["a pharmacy's agent", "agent", standing("pharmacy"), ["supply", "regulator", "operator"]],
  ["a maker's agent", "agent", standing("maker"), ["supply", "regulator", "operator"]],
  ["a regulator's agent", "agent", standing("regulator"), ["regulator", "operator"]],
  ["an authority's agent", "agent", standing("authority"), ["regulator", "operator"]],
  ["an insurer's agent", "agent", standing("insurer"), ["operator"]],
  ["an agent of nobody known", "agent", standing(null), ["operator"]],
  ["an agent not asked about yet", "agent", undefined, []],
  ["a device", "device", standing("hospital"), []],
  ["something new", "spaceship", standing("hospital", "physician"), []],
];

afterEach(() => {
  setWho(undefined);
});

test.each(PEOPLE)("%s works as what the chain says", (_, kind, of, expected) => {
  expect(rolesOf(kind, of)).toEqual(expected);
});

const PAIRS = PEOPLE.flatMap(([named, kind, of, roles]) =>
  WORKS.map((work) => [named, work, somebody(kind, of), roles.includes(work)] as const),
);

test.each(PAIRS)("%s and the pages of %s", (_, work, who, expected) => {
  const [role] = ROLES.filter((each) => each.name === work);
  expect(role?.may(who)).toBe(expected);
  expect(workingRoles(who).some((each) => each.name === work)).toBe(expected);
  // Half signed in, or not at all: nothing.
  expect(role?.may({ ...who, level: 1 })).toBe(false);
  expect(role?.may(undefined)).toBe(false);
});

test("every role is for everybody or one that people sign in for, and has words and pages", () => {
  const open = commonRoles(undefined).map((role) => role.name);
  for (const role of ROLES) {
    expect([...WORKS, ...open]).toContain(role.name);
    for (const item of role.navigation) {
      expect(role.pages.map((page) => page.path)).toContain(item.to);
    }
  }
  for (const work of WORKS) {
    expect(works(work)(undefined)).toBe(false);
  }
});

test("one lands on the first page of the most fitting role, or on the account", () => {
  expect(home(somebody("practitioner", standing("hospital", "physician")))).toBe("doctor");
  expect(home(somebody("practitioner", standing("hospital")))).toBe("account");
  expect(home(somebody("agent", standing("regulator")))).toBe("oversight/now");
  expect(home(somebody("agent", standing("hospital")))).toBe("desk");
  expect(home(somebody("person", undefined))).toBe("my/overview");
  expect(home(undefined)).toBe("account");
});
