/** Words for what records hold; what has no word is shown as it is written. */
import { useLanguage } from "../language";
import { type Say, useKnows, useText } from "../text";
import { fhirMoment } from "./when";

export interface RecordWords {
  readonly say: Say;
  /** The name of a FHIR type. */
  readonly type: (name: string) => string;
  /** The word of a code, such as `active` or `H`. */
  readonly word: (code: string) => string;
  readonly moment: (written: string) => string;
}

export function useRecordWords(): RecordWords {
  const say = useText("portal_records");
  const knows = useKnows("portal_records");
  const language = useLanguage();
  const found = (place: string, name: string): string =>
    /^[\w-]+$/.test(name) && knows(`${place}/${name}`) ? say(`${place}/${name}`) : name;
  return {
    say,
    type: (name) => found("types", name),
    word: (code) => found("words", code),
    moment: (written) => fhirMoment(written, language),
  };
}
