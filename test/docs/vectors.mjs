import { readFileSync } from "node:fs"

const [sample, vectors] = process.argv.slice(2)
const { verifyHex, verifyStandard } = await import(sample)
const answers = JSON.parse(readFileSync(vectors, "utf8")).map(({ body, headers, now, secret }) => ({
  standard: verifyStandard(Buffer.from(body), headers, secret, now),
  hex: verifyHex(Buffer.from(body), headers["x-webhook-signature"], secret)
}))
process.stdout.write(JSON.stringify(answers))
