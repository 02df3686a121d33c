/** The words of record categories, as the sentences before a signature have them. */
import { useKnows, useText } from "../../text";

export const CATEGORIES = [
  "laboratory", "imaging", "medication", "allergy", "problem", "immunization", "procedure",
  "encounter", "document", "vital-signs",
] as const;

export function useCategories(): (category: string) => string {
  const say = useText("portal_sign");
  const knows = useKnows("portal_sign");
  return (category) => {
    const key = `values/terms.categories/${category}`;
    return knows(key) ? say(key) : category;
  };
}
