import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect } from "effect"
import { Audits } from "../../ledger/Audits.ts"
import { HooklineApi } from "./Contract.ts"
import { Conflict, Unavailable, Unprocessable } from "./Errors.ts"

/** What has no such limits. */
const elsewhere = "`hookline audit verify` on the machine has no such limit"

export const audit = HttpApiBuilder.group(HooklineApi, "audit", (handlers) =>
  Effect.gen(function*() {
    const audits = yield* Audits
    return handlers.handle("verify", ({ urlParams: { from, to } }) =>
      Effect.gen(function*() {
        if (from !== undefined && to !== undefined && from >= to) {
          return yield* new Unprocessable({ type: "invalid", field: "from", message: "from: must be before to" })
        }
        return yield* Effect.mapError(
          audits.verify({ from, to }),
          ({ message, reason }) =>
            reason === "running"
              ? new Conflict({ type: "audit_running", message })
              : reason === "impossible"
              ? new Unprocessable({ type: "audit_too_large", field: "from", message: `from: ${message}; ${elsewhere}` })
              : new Unavailable({ type: "audit_unavailable", message: `the audit failed: ${message}; ${elsewhere}` })
        )
      }))
  }))
