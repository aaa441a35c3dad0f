import { fileURLToPath } from "node:url"
import { defineConfig } from "vite"
import { ahead } from "./Ahead.ts"
import { budget } from "./Budget.ts"

/** Where the product listens while the dashboard is being worked on. */
const product = process.env["HOOKLINE_URL"] ?? "http://127.0.0.1:8080"

/**
 * `npm run build` puts the dashboard into dist/surface/dashboard: index.html, and everything it refers to under /assets/ with a name made of
 * its content. Nothing is inlined, so that `script-src 'self'` and `img-src 'self'` suffice.
 */
export default defineConfig({
  root: fileURLToPath(new URL(".", import.meta.url)),
  base: "/",
  logLevel: "warn",
  esbuild: { jsx: "automatic" },
  build: {
    outDir: fileURLToPath(new URL("../../../dist/surface/dashboard", import.meta.url)),
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: {
      // "use client" concerns who renders on a server; nobody does.
      onwarn: (warning, warn) => warning.code === "MODULE_LEVEL_DIRECTIVE" ? undefined : warn(warning)
    }
  },
  // Host stays that of the page, so that the product takes its Origin for its own.
  // The samples of docs/ are shown as they are.
  server: {
    host: "127.0.0.1",
    fs: { allow: [fileURLToPath(new URL("../../..", import.meta.url))] },
    proxy: { "/v1": { target: product }, "/docs": { target: product } }
  },
  plugins: [ahead("Application.tsx"), budget({ firstView: "webhooks/WebhooksPage.tsx", kilobytes: 180 })]
})
