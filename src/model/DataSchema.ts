import { Ajv2020 } from "ajv/dist/2020.js"
import { Either } from "effect"
import type { JsonObject } from "./EventType.ts"
import { printable } from "./Printable.ts"

/** Where `data` breaks its schema, such as `data.items[0].name`, and what is wrong there. */
interface SchemaProblem {
  readonly field: string
  readonly message: string
}

export type DataCheck = (data: unknown) => SchemaProblem | undefined

/**
 * `strictSchema` refuses keywords that nobody knows, which are mostly misspelt. `format` is an annotation, as 2020-12
 * has it by default.
 */
const options = {
  strictSchema: true,
  strictNumbers: true,
  strictTypes: false,
  strictTuples: false,
  validateFormats: false,
  logger: false
} as const

const fieldAt = (pointer: string): string =>
  printable(
    pointer.split("/").slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
      .reduce((path, part) => /^\d+$/.test(part) ? `${path}[${part}]` : `${path}.${part}`, "data"),
    200
  )

const sentence = (thrown: unknown): string => printable(thrown instanceof Error ? thrown.message : String(thrown), 300)

/**
 * The check for a JSON Schema, or why the schema cannot be used. Compiling takes milliseconds, once. The operator's
 * schema is trusted as code is: what it costs to evaluate (patterns, `uniqueItems`) is its author's affair.
 */
export const compileSchema = (schema: JsonObject): Either.Either<DataCheck, string> => {
  if (schema["$async"] !== undefined) return Either.left("$async is not supported")
  // A compiler of its own for each: an `$id` may come twice, and no `$ref` leads from one schema into another.
  return Either.map(
    Either.try({ try: () => new Ajv2020(options).compile(schema), catch: sentence }),
    (validate) => (data) => {
      try {
        if (validate(data)) return undefined
      } catch (thrown) {
        // A schema that refers to itself in a circle overflows the stack only when it is evaluated.
        return { field: "data", message: `its schema cannot be evaluated: ${sentence(thrown)}` }
      }
      const [error] = validate.errors ?? []
      const extra = error?.params["additionalProperty"] ?? error?.params["unevaluatedProperty"]
      const named = typeof extra === "string" ? ` ("${printable(extra)}")` : ""
      return {
        field: fieldAt(error?.instancePath ?? ""),
        message: `${printable(error?.message ?? "is invalid", 300)}${named}`
      }
    }
  )
}
