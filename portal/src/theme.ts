/** Colours, sizes and type. Every pair that is used is listed, and its contrast is tested. */
import type { CSSVariablesResolver, MantineColorsTuple, MantineThemeOverride } from "@mantine/core";
import { createTheme } from "@mantine/core";

export const INK = "#1a1f24";
export const SOFT_INK = "#4a5560";
export const PAPER = "#ffffff";
export const SHADE = "#f3f6f7";
export const LINE = "#7a8791";
export const BRAND = "#0b5d66";
export const BRAND_DARK = "#084850";
export const ERROR = "#a01010";

/** A verdict or state: its ink and its paper. Never without a word and a mark beside it. */
export const TONES = {
  green: { ink: "#0a6b2e", paper: "#e5f6ea" },
  blue: { ink: "#11508f", paper: "#e6f0fb" },
  amber: { ink: "#7a4b00", paper: "#fdf1da" },
  red: { ink: "#a01010", paper: "#fde8e8" },
  grey: { ink: "#444444", paper: "#eeeeee" },
} as const;
export type Tone = keyof typeof TONES;

const BRAND_SHADES: MantineColorsTuple = [
  "#e6f4f5",
  "#cfe6e8",
  "#9fcdd1",
  "#6cb2b8",
  "#429ba3",
  "#27808a",
  "#176d77",
  BRAND,
  BRAND_DARK,
  "#05343a",
];

interface Pair {
  readonly name: string;
  readonly ink: string;
  readonly paper: string;
  /** WCAG 2.2: 4.5 for text (1.4.3), 3 for edges of controls and marks (1.4.11). */
  readonly least: 4.5 | 3;
}

export const PAIRS: readonly Pair[] = [
  { name: "text", ink: INK, paper: PAPER, least: 4.5 },
  { name: "text on shade", ink: INK, paper: SHADE, least: 4.5 },
  { name: "soft text", ink: SOFT_INK, paper: PAPER, least: 4.5 },
  { name: "soft text on shade", ink: SOFT_INK, paper: SHADE, least: 4.5 },
  { name: "link", ink: BRAND, paper: PAPER, least: 4.5 },
  { name: "link on shade", ink: BRAND, paper: SHADE, least: 4.5 },
  { name: "button", ink: PAPER, paper: BRAND, least: 4.5 },
  { name: "button under the pointer", ink: PAPER, paper: BRAND_DARK, least: 4.5 },
  { name: "light button", ink: BRAND_DARK, paper: "#e6f4f5", least: 4.5 },
  { name: "error text", ink: ERROR, paper: PAPER, least: 4.5 },
  { name: "edge of a field", ink: LINE, paper: PAPER, least: 3 },
  { name: "edge of a field on shade", ink: LINE, paper: SHADE, least: 3 },
  { name: "focus ring", ink: BRAND, paper: PAPER, least: 3 },
  { name: "focus ring on shade", ink: BRAND, paper: SHADE, least: 3 },
  ...Object.entries(TONES).map(([name, tone]) => ({ name, ...tone, least: 4.5 as const })),
];

export const THEME: MantineThemeOverride = createTheme({
  colors: { brand: BRAND_SHADES },
  primaryColor: "brand",
  primaryShade: 7,
  black: INK,
  fontFamily:
    'system-ui, -apple-system, "Segoe UI", "PingFang SC", "Microsoft YaHei", "Noto Sans SC", "Noto Sans CJK SC", sans-serif',
  fontFamilyMonospace: "ui-monospace, Menlo, Consolas, monospace",
  fontSizes: { xs: "0.875rem", sm: "0.9375rem", md: "1rem", lg: "1.125rem", xl: "1.375rem" },
  lineHeights: { xs: "1.5", sm: "1.5", md: "1.55", lg: "1.55", xl: "1.5" },
  focusRing: "auto",
  respectReducedMotion: true,
  cursorType: "pointer",
});

/** Mantine's softer texts are too light on white; ours are tested. */
export const RESOLVER: CSSVariablesResolver = () => ({
  variables: {
    "--ink": INK,
    "--ink-soft": SOFT_INK,
    "--paper": PAPER,
    "--shade": SHADE,
    "--line": LINE,
    "--brand": BRAND,
    ...Object.fromEntries(
      Object.entries(TONES).flatMap(([name, tone]) => [
        [`--${name}-ink`, tone.ink],
        [`--${name}-paper`, tone.paper],
      ]),
    ),
  },
  light: {
    "--mantine-color-dimmed": SOFT_INK,
    "--mantine-color-placeholder": SOFT_INK,
    "--mantine-color-error": ERROR,
    "--mantine-color-red-outline": ERROR,
    "--mantine-color-red-filled": ERROR,
    "--mantine-color-red-light-color": ERROR,
    "--mantine-color-red-text": ERROR,
    "--mantine-color-anchor": BRAND,
    "--mantine-color-default-border": LINE,
    "--mantine-primary-color-filled-hover": BRAND_DARK,
    "--mantine-primary-color-light-color": BRAND_DARK,
    "--mantine-primary-color-light": "#e6f4f5",
  },
  dark: {},
});
