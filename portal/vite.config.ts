import react from "@vitejs/plugin-react";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, gzipSync } from "node:zlib";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const NODE = process.env["YILIAN_NODE"] ?? "http://127.0.0.1:8420";
const SERVED_BY_NODE = ["/v1", "/shl", "/fhir", "/epcis", "/openapi.json", "/plain"];
const TEXTS = fileURLToPath(new URL("../src/yilian/text", import.meta.url));
const SMALL = 1024;

/** Leaves each larger file beside itself in gzip and Brotli: a node sends what the browser takes. */
function compressed(): Plugin {
  let folder = "";
  return {
    name: "compressed",
    apply: "build",
    configResolved: (config) => {
      folder = join(config.root, config.build.outDir, "portal");
    },
    closeBundle: () => {
      for (const each of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const file = join(each.parentPath, each.name);
        if (each.isFile() && /\.(js|css|svg|json|wasm)$/.test(each.name)) {
          const content = readFileSync(file);
          if (content.length > SMALL) {
            writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }));
            writeFileSync(`${file}.br`, brotliCompressSync(content));
          }
        }
      }
    },
  };
}

export default defineConfig({
  plugins: [react(), compressed()],
  publicDir: "public",
  build: {
    // tools/portal.sh puts it where the node serves it, whole and at once.
    outDir: "dist",
    target: "es2022",
    assetsDir: "portal/assets",
    // Nothing inlined: a data: address is a source that the content policy does not name.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    manifest: "manifest.json",
  },
  server: {
    proxy: Object.fromEntries(SERVED_BY_NODE.map((path) => [path, NODE])),
    fs: { allow: [".", TEXTS] },
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    environment: "node",
  },
});
