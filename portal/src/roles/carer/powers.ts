/** What somebody may do for another, in words. */
import { useLanguage } from "../../language";
import { useText } from "../../text";
import type { Power } from "../patient/acting";

const ORDER: readonly Power[] = ["read", "grant", "change", "revoke"];

export function usePowers(): (powers: readonly Power[]) => string {
  const say = useText("portal_carer");
  const language = useLanguage();
  const listed = new Intl.ListFormat(language, { type: "conjunction" });
  return (powers) =>
    listed.format(ORDER.filter((each) => powers.includes(each)).map((each) => say(`powers/${each}`)));
}
