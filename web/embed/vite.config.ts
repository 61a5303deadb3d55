import { defineConfig } from "vite";

import { version } from "./package.json";

// Two classic scripts, which pages take with <script src>: the phone, and its SIP part, which it loads when it is wanted.
const ENTRIES = { tongdai: "src/tongdai.ts", "tongdai-sip": "src/sip.ts" } as const;

export default defineConfig(({ mode }) => ({
  define: { __VERSION__: JSON.stringify(version), "process.env.NODE_ENV": '"production"' },
  publicDir: mode === "tongdai" ? "public" : false, // the page /phone
  build: {
    outDir: "../../tongdai/portal/files",
    emptyOutDir: false, // build.py does it once, for all workspaces
    target: "es2022",
    lib: { entry: ENTRIES[mode as keyof typeof ENTRIES], formats: ["iife"], name: "tongdaiPart", fileName: () => `${mode}.js` },
  },
}));
