import { Data, Either, ParseResult, Schema } from "effect"
import { readFileSync } from "node:fs"
import { compileSchema, type DataCheck } from "./DataSchema.ts"
import { definitionProblem, entityOf, type EventType, type JsonObject } from "./EventType.ts"
import { readText } from "./JsonBytes.ts"
import { noticeTypes } from "./NoticeTypes.ts"
import { printable } from "./Printable.ts"

/** The event types of a platform (CONTRACT 3), in the order of its file, and then hookline's own, which every catalogue has. */
export interface Catalogue {
  readonly types: ReadonlyMap<string, EventType>
  readonly entities: ReadonlySet<string>
  /** For the types that have a schema. */
  readonly checks: ReadonlyMap<string, DataCheck>
}

/** A catalogue that cannot be used. `field` leads to the fault, such as `types[3].description`. */
export class CatalogueInvalid extends Data.TaggedError("CatalogueInvalid")<{
  readonly field: string
  /** The event type in whose entry it lies. */
  readonly type?: string
  readonly reason: string
}> {
  override get message(): string {
    const of = this.type === undefined ? "" : ` (${this.type})`
    return `${this.field === "" ? "the catalogue" : this.field}${of}: ${this.reason}`
  }
}

/** Kept as it is: copying would lose a `__proto__` key. */
const AnObject = Schema.declare(
  (input: unknown): input is JsonObject => typeof input === "object" && input !== null && !Array.isArray(input),
  { message: () => "must be an object" }
)

const AString = Schema.String.annotations({ message: () => "must be a string" })

const Entry = Schema.Struct({
  type: AString.pipe(Schema.filter((text) => definitionProblem(text))),
  description: AString.pipe(
    Schema.filter((text) => text.trim() !== "" && text.length <= 500),
    Schema.annotations({ message: () => "must be 1 to 500 characters" })
  ),
  example: AnObject,
  schema: Schema.optionalWith(AnObject, { exact: true })
})

const File = Schema.Struct({
  extends: Schema.optionalWith(
    Schema.Literal("bundled").annotations({ message: () => "must be \"bundled\" or absent" }),
    { exact: true }
  ),
  types: Schema.Array(Entry).pipe(
    Schema.minItems(1, { message: () => "must have at least one event type" })
  )
})

const decodeFile = Schema.decodeUnknownEither(File, { onExcessProperty: "error" })

const fieldAt = (path: ReadonlyArray<PropertyKey>): string =>
  path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join("").slice(1)

/** The `type` of the entry in which a fault lies, when it has one worth showing. */
const typeAt = (json: unknown, index: PropertyKey | undefined): string | undefined => {
  if (typeof index !== "number" || typeof json !== "object" || json === null || !("types" in json)) return undefined
  const entry: unknown = Array.isArray(json.types) ? json.types[index] : undefined
  return typeof entry === "object" && entry !== null && "type" in entry && typeof entry.type === "string"
    ? printable(entry.type)
    : undefined
}

const fromParseError = (json: unknown, error: ParseResult.ParseError): CatalogueInvalid => {
  const [issue] = ParseResult.ArrayFormatter.formatErrorSync(error)
  const type = typeAt(json, issue?.path[1])
  return new CatalogueInvalid({
    field: printable(fieldAt(issue?.path ?? []), 200),
    ...(type === undefined ? {} : { type }),
    reason: printable(issue?.message ?? "is invalid", 300)
  })
}

/** An example must be fit to be sent as a test event. */
const exampleProblem = (entry: EventType, check: DataCheck | undefined): string | undefined => {
  const text = Either.try(() => Buffer.from(JSON.stringify({ data: entry.example })))
  if (Either.isLeft(text) || readText(text.right) < 0) return "is nested too deep"
  const problem = check?.(entry.example)
  return problem === undefined ? undefined : `breaks the schema: ${problem.field} ${problem.message}`
}

/** Checks an entry and puts it where the catalogue has it; else the field that is wrong, and why. */
const add = (
  types: Map<string, EventType>,
  checks: Map<string, DataCheck>,
  entry: EventType
): Either.Either<void, { readonly field: "schema" | "example"; readonly reason: string }> =>
  Either.gen(function*() {
    const check = entry.schema === undefined
      ? undefined
      : yield* Either.mapLeft(compileSchema(entry.schema), (reason) => ({ field: "schema" as const, reason }))
    const reason = exampleProblem(entry, check)
    if (reason !== undefined) return yield* Either.left({ field: "example" as const, reason })
    types.set(entry.type, entry)
    if (check === undefined) checks.delete(entry.type)
    else checks.set(entry.type, check)
  })

/**
 * Reads a catalogue: `{"types": [{type, description, example, schema?}, …]}`. With `"extends": "bundled"` the bundled
 * types come first; an entry for one of them takes its place. Unknown keys, a type given twice, a reserved type, a
 * schema that does not compile and an example that breaks it are refused.
 */
export const decode = (json: unknown): Either.Either<Catalogue, CatalogueInvalid> =>
  Either.gen(function*() {
    if (!Schema.is(AnObject)(json)) {
      return yield* Either.left(new CatalogueInvalid({ field: "", reason: "must be an object with the key \"types\"" }))
    }
    const file = yield* Either.mapLeft(decodeFile(json), (error) => fromParseError(json, error))
    const types = new Map<string, EventType>(
      file.extends === "bundled" ? Array.from(bundled.types).filter(([, { reserved }]) => reserved !== true) : []
    )
    const checks = new Map<string, DataCheck>(file.extends === "bundled" ? bundled.checks : [])
    const seen = new Set<string>()
    for (const [index, entry] of file.types.entries()) {
      const invalid = (field: string, reason: string) =>
        Either.left(new CatalogueInvalid({ field: `types[${index}].${field}`, type: entry.type, reason }))
      if (seen.has(entry.type)) yield* invalid("type", "is given twice")
      seen.add(entry.type)
      yield* Either.orElse(add(types, checks, entry), ({ field, reason }) => invalid(field, reason))
    }
    for (const entry of noticeTypes) {
      yield* Either.mapLeft(
        add(types, checks, entry),
        ({ field, reason }) => new CatalogueInvalid({ field, type: entry.type, reason })
      )
    }
    return { types, checks, entities: new Set(Array.from(types.keys(), entityOf)) }
  })

/**
 * CraftDesk's 17 event types. None of them has a schema: a platform adds fields to its events as it grows, and those must
 * not end in quarantine.
 */
export const bundled: Catalogue = Either.getOrThrow(
  decode(JSON.parse(readFileSync(new URL("./catalogue.json", import.meta.url), "utf8")))
)
