import { type Document, referred, type Schema } from "./Document.ts"
import { type Html, html, prose } from "./Html.ts"

/** How schemas are shown: as a type in words, as a list of fields, and as an example. */

const joined = (parts: ReadonlyArray<Html>, between: string): Html =>
  parts.reduce((all, part) => html`${all}${between}${part}`)

const bounds = ({ maximum, minimum }: Schema): string =>
  minimum === undefined || maximum === undefined ? "" : `, ${minimum} to ${maximum}`

export const typeOf = (schema: Schema): Html => {
  const name = referred(schema)
  if (name !== undefined) return html`<a href="#shape-${name}">${name}</a>`
  if (schema.anyOf !== undefined) return joined(schema.anyOf.map(typeOf), " or ")
  if (schema.type === "array") return html`list of ${schema.items === undefined ? "anything" : plural(schema.items)}`
  if (schema.type === "object" && typeof schema.additionalProperties === "object") {
    const inner = schema.additionalProperties
    return inner.type === undefined ? html`object` : html`object of ${plural(inner)}`
  }
  return html`${schema.type ?? "anything"}${bounds(schema)}`
}

const plural = (schema: Schema): Html => html`${typeOf(schema)}${schema.type === undefined ? "" : "s"}`

/** The values of an enumeration, where they are more than the description already says. */
const choices = (schema: Schema): Html | undefined =>
  schema.enum === undefined
    ? undefined
    : html`<p class="choices">${schema.enum.map((value) => html`<code>${String(value)}</code> `)}</p>`

/** One name with its type and what it is; fields of an object within come below it. */
export const field = (name: string, schema: Schema, required: boolean, place?: string): Html =>
  html`<div class="field"><dt><code>${name}</code> <span class="type">${typeOf(schema)}</span>${
    place === undefined ? undefined : html` <span class="type">in ${place}</span>`
  }${required ? html` <span class="required">required</span>` : undefined}</dt><dd>${
    schema.description === undefined ? undefined : html`<p>${prose(schema.description)}</p>`
  }${choices(schema)}${
    schema.type === "object" && Object.keys(schema.properties ?? {}).length > 0 ? fields(schema) : undefined
  }</dd></div>`

export const fields = (schema: Schema): Html =>
  html`<dl>${
    Object.entries(schema.properties ?? {}).map(([name, property]) =>
      field(name, property, schema.required?.includes(name) ?? false)
    )
  }</dl>`

/** A value that fits: the schema's own example, or one made of those of its parts; null where there may be none. */
export const exampleOf = (document: Document, schema: Schema): unknown => {
  if (schema.examples?.[0] !== undefined) return schema.examples[0]
  const name = referred(schema)
  if (name !== undefined) return exampleOf(document, document.components.schemas[name] ?? {})
  if (schema.enum !== undefined) return schema.enum[0]
  if (schema.anyOf !== undefined) {
    return schema.anyOf.some(({ type }) => type === "null") ? null : exampleOf(document, schema.anyOf[0] ?? {})
  }
  switch (schema.type) {
    case "object":
      return Object.fromEntries(
        Object.entries(schema.properties ?? {}).map(([name, property]) => [name, exampleOf(document, property)])
      )
    case "array":
      return schema.items === undefined ? [] : [exampleOf(document, schema.items)]
    case "integer":
    case "number":
      return schema.minimum ?? 1
    case "boolean":
      return false
    case "string":
      return "…"
    default:
      return {}
  }
}
