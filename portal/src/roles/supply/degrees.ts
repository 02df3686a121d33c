/** Hundredths of a degree with one decimal, half away from zero, as the plain page has it. */
export function degrees(hundredths: number): string {
  const tenths = Math.floor((Math.abs(hundredths) + 5) / 10);
  return `${hundredths < -4 ? "-" : ""}${Math.floor(tenths / 10)}.${tenths % 10}`;
}
