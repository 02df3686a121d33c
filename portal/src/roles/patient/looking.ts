/** Who looked, sorted for people: the person themself and programs are told apart from others. */
import type { Disclosure } from "./reading";

export interface Folded {
  /** People who read, or tried to. */
  readonly people: readonly Disclosure[];
  /** Programs of organisations: storing, copying, keeping. */
  readonly machines: readonly Disclosure[];
  /** The person, and who acted for them. */
  readonly own: readonly Disclosure[];
}

const PEOPLE = new Set(["practitioner", "person"]);

export function folded(found: readonly Disclosure[], person: string): Folded {
  const own = found.filter((each) => each.reader.id === person || each.on_behalf_of === person);
  const others = found.filter((each) => !own.includes(each));
  // Whoever is not known to be a program is shown as a person is: nothing is hidden by doubt.
  const isPerson = (each: Disclosure): boolean =>
    each.basis === "emergency" || each.reader.kind === null || PEOPLE.has(each.reader.kind);
  return {
    own,
    people: others.filter(isPerson),
    machines: others.filter((each) => !isPerson(each)),
  };
}

/** When something was last read under a grant; undefined for never. */
export function lastRead(grant: string, found: readonly Disclosure[]): number | undefined {
  const times = found
    .filter((each) => each.grant === grant && each.outcome === "permit")
    .map((each) => each.time);
  return times.length === 0 ? undefined : Math.max(...times);
}
