/** A time in the reader's own zone; the machine's form (UTC) stands behind it. */
import type { ReactNode } from "react";

import { type Language, useLanguage } from "../language";

export function moment(at: number, language: Language): string {
  const shape = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "medium" });
  return shape.format(at);
}

/** `at` in milliseconds since 1970. */
export function Moment({ at }: { at: number }): ReactNode {
  const language = useLanguage();
  const utc = new Date(at).toISOString();
  return (
    <time dateTime={utc} title={utc}>
      {moment(at, language)}
    </time>
  );
}
