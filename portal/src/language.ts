/** The language stands in the address, so that a page can be sent on as it is read. */
import { useLocation, useParams } from "react-router";

export const LANGUAGES = ["en", "zh-CN"] as const;
export type Language = (typeof LANGUAGES)[number];

export function isLanguage(text: string | undefined): text is Language {
  return LANGUAGES.some((each) => each === text);
}

/** The language of the page that is shown. */
export function useLanguage(): Language {
  const { language } = useParams();
  return isLanguage(language) ? language : "en";
}

/** Gives the address of a page in the language of this one: `path("explorer")` is `/en/explorer`. */
export function usePath(): (page: string) => string {
  const language = useLanguage();
  return (page) => `/${language}/${page}`;
}

/** The same place in another language, with what was searched and chosen there. */
export function useSamePlace(): (language: Language) => string {
  const { pathname, search, hash } = useLocation();
  return (language) => pathname.replace(/^\/[^/]+/, `/${language}`) + search + hash;
}
