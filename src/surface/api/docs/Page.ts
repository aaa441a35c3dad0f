import { createHash } from "node:crypto"
import { type Document, referred, type Route, routesOf, type Schema, schemaOf } from "./Document.ts"
import { Html, html, prose } from "./Html.ts"
import { exampleOf, field, fields, typeOf } from "./Shapes.ts"
import { style } from "./Style.ts"

/** The one inline element that the page's policy allows. */
export const contentSecurityPolicy = `default-src 'none'; style-src 'sha256-${
  createHash("sha256").update(style).digest("base64")
}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

const json = (value: unknown): string => JSON.stringify(value, null, 2)

const anchor = (operationId: string): string => `operation-${operationId}`

/** A word in a POSIX shell's single quotes. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

/** The value of a parameter in an example. */
const sample = (document: Document, schema: Schema): string => String(exampleOf(document, schema))

/** The request as a line to copy. Optional headers and query parameters are left out. */
export const curlOf = (document: Document, route: Route): string => {
  const parameters = (route.parameters ?? []).map((parameter) => ({
    ...parameter,
    value: sample(document, parameter.schema)
  }))
  const path = parameters
    .filter((parameter) => parameter.in === "path")
    .reduce((path, { name, value }) => path.replace(`{${name}}`, value), route.path)
  const query = parameters
    .filter((parameter) => parameter.in === "query" && parameter.required === true)
    .map(({ name, value }) => `${name}=${encodeURIComponent(value)}`)
    .join("&")
  const body = schemaOf(route.requestBody?.content)
  return [
    `curl ${route.method === "GET" ? "" : `-X ${route.method} `}"$HOOKLINE_URL${path}${
      query === "" ? "" : `?${query}`
    }"`,
    ...(route.security?.length === 0 ? [] : ["-H \"Authorization: Bearer $HOOKLINE_API_KEY\""]),
    ...parameters
      .filter((parameter) => parameter.in === "header" && parameter.required === true)
      .map(({ name, value }) => `-H ${quoted(`${name}: ${value}`)}`),
    ...(body === undefined
      ? []
      : ["-H 'content-type: application/json'", `-d ${quoted(json(exampleOf(document, body)))}`])
  ].join(" \\\n  ")
}

const answer = ([status, { content, description }]: readonly [string, Route["responses"][string]]): Html => {
  const schema = schemaOf(content)
  return html`<div class="field"><dt><code>${status}</code> ${
    schema === undefined ? undefined : html`<span class="type">${typeOf(schema)}</span>`
  }</dt><dd><p>${prose(description)}</p></dd></div>`
}

const answers = (route: Route): Html => {
  const all = Object.entries(route.responses)
  const errors = all.filter(([status]) => Number(status) >= 400)
  return html`<h4>Answers</h4><dl>${all.filter(([status]) => Number(status) < 400).map(answer)}</dl>${
    errors.length === 0
      ? undefined
      : html`<details class="errors"><summary>Errors: ${errors.map(([status]) => status).join(", ")}</summary><dl>${
        errors.map(answer)
      }</dl></details>`
  }`
}

const body = (document: Document, route: Route): Html | undefined => {
  const schema = schemaOf(route.requestBody?.content)
  if (schema === undefined) return undefined
  const shape = document.components.schemas[referred(schema) ?? ""] ?? schema
  return html`<h4>Body${route.requestBody?.required === false ? ", may be left out" : ""}</h4>${
    shape.description === undefined ? undefined : html`<p>${prose(shape.description)}</p>`
  }${shape.type === "array" ? html`<p>A ${typeOf(shape)}.</p>` : fields(shape)}`
}

const example = (title: string, text: string): Html =>
  html`<div class="example"><p>${title}</p><pre tabindex="0"><code>${text}</code></pre></div>`

const examples = (document: Document, route: Route): Html => {
  const success = Object.entries(route.responses).find(([status]) => Number(status) < 400)
  const schema = schemaOf(success?.[1].content)
  return html`<div class="examples">${example("Request", curlOf(document, route))}${
    schema === undefined ? undefined : example(`Answer ${success?.[0] ?? ""}`, json(exampleOf(document, schema)))
  }</div>`
}

const operation = (document: Document, route: Route): Html => {
  const parameters = route.parameters ?? []
  return html`<article id="${anchor(route.operationId)}">
<h3><a href="#${anchor(route.operationId)}">${route.summary}</a></h3>
<p class="route"><span class="method ${route.method}">${route.method}</span><code>${route.path}</code></p>
<div class="columns"><div><p>${prose(route.description ?? "")}</p>${
    parameters.length === 0
      ? undefined
      : html`<h4>Parameters</h4><dl>${
        parameters.map(({ description, in: place, name, required, schema }) =>
          field(name, { ...schema, ...(description === undefined ? {} : { description }) }, required === true, place)
        )
      }</dl>`
  }${body(document, route)}${answers(route)}</div>
${examples(document, route)}</div>
</article>
`
}

const intro = (document: Document): Html =>
  html`<h1>${document.info.title} <small>API, version ${document.info.version}</small></h1>
<p>${prose(document.info.description ?? "")}</p>
<p>This page is made from <a href="/openapi.json">/openapi.json</a>, from which clients can be generated as well. Every route under
<code>/v1</code> wants an API key as a bearer token, and most of them the workspace they are about in <code>X-Workspace-Id</code>. The requests
below work as they are once a shell knows where and who:</p>
${
    example(
      "Once in a shell",
      "export HOOKLINE_URL=http://127.0.0.1:8080\nread -rs HOOKLINE_API_KEY && export HOOKLINE_API_KEY"
    )
  }
`

const shapes = (document: Document): Html =>
  html`<section id="shapes"><h2>Shapes</h2><p>What the bodies and answers above are made of.</p>${
    Object.entries(document.components.schemas).map(([name, schema]) =>
      html`<article id="shape-${name}"><h3><a href="#shape-${name}">${name}</a></h3><div class="columns"><div>${
        schema.description === undefined ? undefined : html`<p>${prose(schema.description)}</p>`
      }${schema.type === "array" ? html`<p>A ${typeOf(schema)}.</p>` : fields(schema)}</div><div class="examples">${
        example("Example", json(exampleOf(document, schema)))
      }</div></div></article>
`
    )
  }</section>`

/**
 * The API as a page for people, from its OpenAPI document: no script, nothing from another host, every text escaped. A pure function.
 */
export const page = (document: Document): string => {
  const groups = (document.tags ?? []).map((tag) => ({ ...tag, routes: routesOf(document, tag.name) }))
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title} API</title>
${new Html(`<style>${style}</style>`)}
</head>
<body>
<nav aria-label="Routes">${
    groups.map(({ name, routes }) =>
      html`<strong><a href="#${name}">${name}</a></strong><ul>${
        routes.map(({ operationId, summary }) => html`<li><a href="#${anchor(operationId)}">${summary}</a></li>`)
      }</ul>
`
    )
  }<strong><a href="#shapes">shapes</a></strong></nav>
<main>
${intro(document)}${
    groups.map(({ description, name, routes }) =>
      html`<section id="${name}"><h2>${name}</h2><p>${prose(description ?? "")}</p>${
        routes.map((route) => operation(document, route))
      }</section>
`
    )
  }${shapes(document)}
<footer>Served by hookline itself; nothing on this page comes from another host.</footer>
</main>
</body>
</html>
`.text
}
