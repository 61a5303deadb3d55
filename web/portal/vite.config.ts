import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  build: {
    outDir: "../../tongdai/portal/files",
    emptyOutDir: false, // build.py does it once, for all workspaces
    target: "es2022",
    modulePreload: { polyfill: false }, // it would be an inline script
    assetsInlineLimit: 0, // data: URLs are not in the content security policy
  },
});
