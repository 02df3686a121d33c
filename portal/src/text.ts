/** Every word comes from src/yilian/text/<language>/<file>.json, which CLI and gateway read too. */
import i18next, { type i18n } from "i18next";
import { initReactI18next, useTranslation } from "react-i18next";

import type { Language } from "./language";
import { LANGUAGES } from "./language";

export type Say = (key: string, parameters?: Record<string, string | number>) => string;

type Words = Record<string, unknown>;
type Load = () => Promise<Words>;

const FILES = import.meta.glob<Words>(
  [
    "../../src/yilian/text/*/portal*.json",
    "../../src/yilian/text/*/{alerts,care,consent,governance,identity,notices,records,scan,supply}.json",
  ],
  { import: "default" },
) as Record<string, Load>;

const BACKEND = {
  type: "backend" as const,
  init: () => undefined,
  read: (language: string, file: string, give: (error: unknown, words: Words | null) => void) => {
    const load = FILES[`../../src/yilian/text/${language}/${file}.json`];
    if (load === undefined) {
      give(new Error(`no text file ${language}/${file}`), null);
      return;
    }
    load().then(
      (words) => {
        give(null, words);
      },
      (error: unknown) => {
        give(error, null);
      },
    );
  },
};

/** Makes the texts ready in a language; keys and places are written as Python's `say` reads them. */
export async function startText(language: Language): Promise<i18n> {
  await i18next
    .use(BACKEND)
    .use(initReactI18next)
    .init({
      lng: language,
      supportedLngs: LANGUAGES,
      load: "currentOnly",
      fallbackLng: false,
      ns: ["portal"],
      defaultNS: "portal",
      keySeparator: "/",
      nsSeparator: false,
      interpolation: { prefix: "{", suffix: "}", escapeValue: false },
      react: { useSuspense: true },
      parseMissingKeyHandler: (key: string) => {
        if (import.meta.env.DEV) {
          throw new Error(`no text for ${key}`);
        }
        return key;
      },
    });
  return i18next;
}

/** Makes another language the one that is shown, once its words are here. */
export async function speak(language: Language): Promise<void> {
  document.documentElement.lang = language;
  if (i18next.isInitialized && i18next.language !== language) {
    await i18next.changeLanguage(language);
  }
}

/** Gives the sentences of a text file; waits (Suspense) until it has come. */
export function useText(file = "portal"): Say {
  const { t } = useTranslation(file);
  return t as unknown as Say;
}

/** Gives sentences with their `{places}` open, to be filled by what is no text. */
export function useTemplate(file: string): (key: string) => string {
  const { t } = useTranslation(file);
  return (key) => (t as unknown as (key: string, how: object) => string)(key, { skipInterpolation: true });
}

/** Whether a file knows a key: for keys that come from data, such as event types. */
export function useKnows(file: string): (key: string) => boolean {
  const { i18n } = useTranslation(file);
  return (key) => i18n.exists(key, { ns: file });
}
