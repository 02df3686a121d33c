import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

const LETTERS = "/[A-Za-z\\u4e00-\\u9fff]{2}/";
const WORDS = "Words belong in src/yilian/text/{en,zh-CN}/portal*.json, not in components.";
const SAID = "aria-label|title|label|placeholder|alt|description";

export default defineConfig(
  { ignores: ["node_modules/", "dist/", "src/api.types.ts"] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  { languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } } },
  hooks.configs.flat["recommended-latest"],
  {
    files: ["src/**/*.{ts,tsx}"],
    rules: {
      "max-lines": ["error", 250],
      "no-console": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
    },
  },
  {
    files: ["src/**/*.tsx"],
    ignores: ["src/**/*.test.tsx"],
    rules: {
      "no-restricted-syntax": [
        "error",
        { selector: `JSXText[value=${LETTERS}]`, message: WORDS },
        { selector: `JSXAttribute[name.name=/^(${SAID})$/] > Literal[value=${LETTERS}]`, message: WORDS },
      ],
    },
  },
  { files: ["*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
