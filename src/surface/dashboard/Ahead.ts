import type { HtmlTagDescriptor, Plugin, Rollup } from "vite"

const link = (rel: string, file: string): HtmlTagDescriptor => ({
  tag: "link",
  attrs: { rel, crossorigin: true, href: `/${file}` },
  injectTo: "head"
})

/** Tells Chromium to compile every function of a file while it comes in, beside the page's own thread, and not each there at its first call. */
const compiledAhead = "//# allFunctionsCalledOnLoad\n"

/**
 * Names in the page what the first script imports later, the module `name` and its styles: the browser fetches and compiles them at once, beside
 * that script.
 */
export const ahead = (name: string): Plugin => {
  const find = (bundle: Rollup.OutputBundle = {}): Rollup.OutputChunk => {
    for (const file of Object.values(bundle)) {
      if (file.type === "chunk" && file.moduleIds.some((id) => id.endsWith(`/${name}`))) return file
    }
    throw new Error(`the build has no file of ${name}`)
  }
  return {
    name: "ahead",
    apply: "build",
    transformIndexHtml: {
      order: "post",
      handler(_, { bundle }) {
        const { fileName, viteMetadata } = find(bundle)
        const styles = [...viteMetadata?.importedCss ?? []]
        return [link("modulepreload", fileName), ...styles.map((file) => link("stylesheet", file))]
      }
    },
    generateBundle: {
      // After Vite, which puts something at the head of the file as well: this must stand first.
      order: "post",
      handler(_, bundle) {
        const chunk = find(bundle)
        chunk.code = compiledAhead + chunk.code
      }
    }
  }
}
