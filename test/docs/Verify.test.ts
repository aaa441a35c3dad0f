import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { copyFileSync } from "node:fs"
import { join } from "node:path"
import { folder, go, java, needs, php, python, root, ruby, run, sample, samples, text } from "./programs.ts"

/** The verifying functions of docs/samples give the same answers in every language, about the requests of vectors.json. */

interface Vector {
  readonly name: string
  readonly secret: string
  /** Unix seconds at the endpoint. */
  readonly now: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly standard: boolean
  readonly hex: boolean
}

const vectors: ReadonlyArray<Vector> = JSON.parse(text("docs/samples/vectors.json"))
const file = sample("vectors.json")
const driver = (name: string) => join(root, "test/docs", name)

interface Language {
  readonly name: string
  readonly needs: string
  readonly there: boolean
  /** Answers about every vector, as JSON. */
  readonly answers: Effect.Effect<{ readonly out: string; readonly error: string }, never, Scope.Scope>
}

const base64 = (value: string | number) => Buffer.from(String(value)).toString("base64")

const languages: ReadonlyArray<Language> = [
  {
    name: "verify.mjs",
    needs: "node",
    there: true,
    answers: run(process.execPath, [driver("vectors.mjs"), sample("verify.mjs"), file])
  },
  {
    name: "verify.py",
    needs: "python3",
    there: python,
    answers: run("python3", [driver("vectors.py"), samples, file])
  },
  {
    name: "verify.go",
    needs: "go",
    there: go,
    answers: Effect.gen(function*() {
      const place = yield* folder
      copyFileSync(driver("vectors.go"), join(place, "vectors.go"))
      copyFileSync(sample("verify.go"), join(place, "verify.go"))
      return yield* run("go", ["run", "vectors.go", "verify.go", file], {}, "", place)
    })
  },
  {
    name: "verify.php",
    needs: "PHP 8",
    there: php,
    answers: run("php", [driver("vectors.php"), sample("verify.php"), file])
  },
  {
    name: "verify.rb",
    needs: "ruby with its openssl from 2.2 on",
    there: ruby,
    answers: run("ruby", ["-w", driver("vectors.rb"), sample("verify.rb"), file])
  },
  {
    name: "Verify.java",
    needs: "a JDK from 17 on",
    there: java,
    answers: Effect.gen(function*() {
      const place = yield* folder
      const compiler = ["-Xlint:all", "-d", place, driver("Vectors.java"), sample("Verify.java")]
      expect(yield* run("javac", compiler)).toMatchObject({ code: 0, error: "" })
      const lines = vectors.map(({ body, headers, now, secret }) =>
        [secret, now, body, ...Object.entries(headers).flat()].map(base64).join(",")
      )
      return yield* run("java", ["-cp", place, "Vectors"], {}, `${lines.join("\n")}\n`)
    })
  }
]

describe("the vectors for verifiers", () => {
  it("have a name each, and hold the request of docs/receiving.md", () => {
    expect(new Set(vectors.map(({ name }) => name)).size).toBe(vectors.length)
    expect(vectors.filter(({ hex, standard }) => hex && standard).length).toBeGreaterThan(10)
    const shown = vectors.find(({ name }) => name === "the request that docs/receiving.md shows")
    expect(text("docs/receiving.md")).toContain(`\n\n${shown?.body}\n\`\`\`\n`)
    for (const line of Object.entries(shown?.headers ?? {})) {
      expect(text("docs/receiving.md")).toContain(`\n${line.join(": ")}\n`)
    }
  })

  for (const { answers, name, needs: needed, there } of languages) {
    it.scopedLive.skipIf(!there)(
      `${name} answers each as it should${needs(needed, there)}`,
      () =>
        Effect.gen(function*() {
          const { error, out } = yield* answers
          expect(error).toBe("")
          const given: ReadonlyArray<Pick<Vector, "hex" | "standard">> = JSON.parse(out)
          expect(given.length).toBe(vectors.length)
          expect(given.map((answer, index) => ({ name: vectors[index]?.name, ...answer })))
            .toEqual(vectors.map(({ hex, name, standard }) => ({ name, standard, hex })))
        }),
      120_000
    )
  }
})
