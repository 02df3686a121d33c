/** Where the person stands: a location number (GLN), kept by this browser for each organisation. */
import { useLocalStorage } from "@mantine/hooks";
import { useQuery } from "@tanstack/react-query";

import { get } from "../../api";

/** GS1 Digital Link of a site (GS1 Digital Link URI Syntax, section 4). */
const SITE = "https://id.gs1.org/414/";

/** Whether a text is a location number with its check digit (GS1 General Specifications, 7.9). */
export function isGln(text: string): boolean {
  if (!/^[0-9]{13}$/.test(text)) {
    return false;
  }
  const sum = Array.from(text).reduce((all, each, at) => all + Number(each) * (at % 2 === 0 ? 1 : 3), 0);
  return sum % 10 === 0;
}

/** How an event names the party that has a pack: by its id, or by a number it trades under. */
export function partiesOf(organisation: string, known: readonly string[]): string[] {
  return [organisation, ...known.map((gln) => `https://id.gs1.org/417/${gln}`)];
}

export function siteOf(gln: string): string {
  return SITE + gln;
}

/** The location number in a place's URI; the URI itself where there is none. */
export function glnOf(place: string): string {
  return place.startsWith(SITE) ? place.slice(SITE.length) : place;
}

interface Here {
  /** Location numbers that the organisation trades under. */
  readonly known: readonly string[];
  /** Undefined as long as nothing is known. */
  readonly gln: string | undefined;
  readonly move: (gln: string) => void;
}

export function useHere(organisation: string): Here {
  const [chosen, move] = useLocalStorage({ key: `yilian-place-${organisation}`, defaultValue: "" });
  const companies = useQuery({
    queryKey: ["supply", "companies", organisation],
    queryFn: ({ signal }) =>
      get("/v1/supply/companies", { query: { organisation, limit: 100 }, signal }),
    staleTime: 60_000,
  });
  const known = (companies.data?.items ?? []).filter((each) => each.ended === null).map((each) => each.gln);
  const gln = isGln(chosen) ? chosen : known[0];
  return { known, gln, move };
}
