import type { HtmlTagDescriptor, Plugin } from "vite"

const link = (rel: string, file: string): HtmlTagDescriptor => ({
  tag: "link",
  attrs: { rel, crossorigin: true, href: `/${file}` },
  injectTo: "head"
})

/**
 * Names in the page what the first script imports later, the module `name` and its styles: the browser fetches and compiles them at once, beside
 * that script.
 */
export const ahead = (name: string): Plugin => ({
  name: "ahead",
  apply: "build",
  transformIndexHtml: {
    order: "post",
    handler(_, { bundle = {} }) {
      const chunk = Object.values(bundle).find((file) =>
        file.type === "chunk" && file.moduleIds.some((id) => id.endsWith(`/${name}`))
      )
      if (chunk?.type !== "chunk") throw new Error(`the build has no file of ${name}`)
      return [
        link("modulepreload", chunk.fileName),
        ...[...chunk.viteMetadata?.importedCss ?? []].map((file) => link("stylesheet", file))
      ]
    }
  }
})
