/** Bundles the judge for Node, with everything in one file. */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

export default defineConfig({
  publicDir: false,
  build: { ssr: fileURLToPath(new URL("judge.ts", import.meta.url)), target: "node20" },
  ssr: { noExternal: true },
});
