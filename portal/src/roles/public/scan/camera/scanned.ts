/** What a scanner that sends symbology identifiers would type for a symbol that was read. */

interface Symbol {
  readonly text: string;
  /** ISO/IEC 15424, such as `]d2`. */
  readonly symbologyIdentifier: string;
}

/** Symbols whose first character is FNC1: their data are GS1 element strings. */
const GS1 = ["]C1", "]d2", "]e0", "]J1", "]Q3"];

/**
 * Gives the code as the node reads it. The identifier stays with GS1 symbols alone: it tells a
 * 20-digit trace code from a case's number.
 */
export function asScanned({ text, symbologyIdentifier }: Symbol): string {
  return GS1.includes(symbologyIdentifier) ? symbologyIdentifier + text : text;
}
