/** What hangs together in a trace, as a tree: what was made of each pack, below it. */

export interface Item {
  readonly item: string;
  readonly made_into: readonly string[];
}

export interface Branch<T extends Item> {
  /** A name that occurs, and what is known of it; nothing but the name where it is elsewhere. */
  readonly name: string;
  readonly item: T | undefined;
  readonly made: readonly Branch<T>[];
  /** It stands further up already: what hangs below it is there. */
  readonly again: boolean;
}

/**
 * Grows the trees of all items: first from those that were made of nothing known here.
 *
 * Nothing is shown twice in full, and a circle, which only a false statement makes, ends.
 */
export function grow<T extends Item>(items: readonly T[]): Branch<T>[] {
  const known = new Map(items.map((each) => [each.item, each]));
  const made = new Set(items.flatMap((each) => each.made_into));
  const seen = new Set<string>();
  const branch = (name: string): Branch<T> => {
    const item = known.get(name);
    if (seen.has(name)) return { name, item, made: [], again: true };
    seen.add(name);
    return { name, item, made: (item?.made_into ?? []).map(branch), again: false };
  };
  const first = items.filter((each) => !made.has(each.item)).map((each) => branch(each.item));
  // What is left stands in circles.
  const rest = items.filter((each) => !seen.has(each.item));
  return [...first, ...rest.flatMap((each) => (seen.has(each.item) ? [] : [branch(each.item)]))];
}

export interface Numbers {
  readonly gtin?: string;
  readonly lot?: string;
  readonly serial?: string;
  readonly sscc?: string;
}

const NAMES: Readonly<Record<string, keyof Numbers>> = { "01": "gtin", "10": "lot", "21": "serial", "00": "sscc" };

/** Reads the numbers out of a GS1 Digital Link (GS1 Digital Link: URI syntax, section 4). */
export function numbers(item: string): Numbers {
  const found: Partial<Record<keyof Numbers, string>> = {};
  const parts = item.replace(/^https?:\/\/[^/]+\//, "").split("/");
  for (let at = 0; at + 1 < parts.length; at += 2) {
    const name = NAMES[parts[at] ?? ""];
    if (name !== undefined) found[name] = decoded(parts[at + 1] ?? "");
  }
  return found;
}

/** Tells whether a name is that of the lot which a pack belongs to: nothing was made of it then. */
export function isLotOf(name: string, pack: string): boolean {
  const [lot, own] = [numbers(name), numbers(pack)];
  return lot.serial === undefined && lot.gtin !== undefined && lot.gtin === own.gtin;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
