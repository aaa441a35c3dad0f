import { createRequire } from "node:module"

/** hookline's version, as package.json has it; found from `src/` and from `dist/` alike. */
export const version: string = String(createRequire(import.meta.url)("../package.json").version)
