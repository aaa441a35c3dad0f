import type { Context } from "effect"
import type { Msg } from "nats"
import type { Connection } from "./Connection.ts"

type Connected = Context.Tag.Service<typeof Connection>

/** A pull asks for so long; while it waits the broker gives a sign of life so often. */
const expires = 30_000
const heartbeat = 5000

/**
 * Bytes one pull may bring: more than the largest message (2 MiB, the server's max_payload), and little enough that 16 consumers of large
 * events stay under the 64 MB the server lets a client lag behind before it cuts it off.
 */
const pullBytes = 2.5 * 1024 ** 2

/** Silence longer than this while something is asked for is trouble: two signs of life missed. */
export const silenceLimit = 2 * heartbeat + 2000

/**
 * Asking one pull consumer for messages, ever again. Knows how many are still to come and asks for more when half of them have; it makes
 * no decision about trouble, it only reports it. All callbacks run synchronously on the event loop.
 *
 * Invariant: at most `batch` messages have been asked for and not come, as far as the broker kept its promises; if it did not (a lost
 * status message), the consumer's max_ack_pending or the end of the pull bounds it.
 */
export class Puller {
  /** Our clock when the broker was last heard of, by the caller's `now`. */
  heardAt: number
  private asked = 0
  private paused = false
  /** After trouble, for good: a consumer that is gone would be asked again and again. */
  private halted = false
  /** Paced: the last pull found no more, or was all that this look may bring; the next waits for `next`. */
  private resting = false
  private readonly inbox: string
  private readonly subscription: { unsubscribe: () => void }
  private readonly options: {
    readonly connection: Connected
    readonly stream: string
    readonly consumer: string
    readonly batch: number
    readonly now: () => number
    /**
     * A pull brings what there is and ends; the next one waits for `next`. A message on its own costs broker and reader several times what one among
     * many does. `most`: what is left for the next look beyond so many; undefined: nothing.
     */
    readonly paced?: { readonly most: () => number | undefined } | undefined
    readonly onMessage: (message: Msg) => void
    /** The broker said that something is wrong with this consumer, or we cannot tell. */
    readonly onTrouble: (detail: string) => void
  }

  constructor(options: Puller["options"]) {
    this.options = options
    this.inbox = options.connection.inbox()
    this.heardAt = options.now()
    this.subscription = options.connection.nats.subscribe(this.inbox, {
      callback: (error, message) => {
        if (error !== null) return options.onTrouble(error.message)
        this.heardAt = options.now()
        if (message.reply === "") {
          this.status(message)
        } else {
          if (this.asked > 0) this.asked--
          options.onMessage(message)
        }
        this.pull()
      }
    })
  }

  /** Asks for more if there is room, we may, and somebody is there to hear it. */
  pull(): void {
    const { connection, consumer, paced, stream } = this.options
    if (this.paused || this.halted || this.resting || !connection.isConnected()) return
    const most = paced?.most()
    const batch = most ?? this.options.batch
    this.resting = most !== undefined
    if (this.asked > (most === undefined ? batch / 2 : 0)) return
    const more = batch - this.asked
    this.asked = batch
    connection.nats.publish(
      `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`,
      JSON.stringify({
        batch: more,
        max_bytes: pullBytes,
        ...(paced !== undefined ? { no_wait: true } : { expires: expires * 1e6, idle_heartbeat: heartbeat * 1e6 })
      }),
      { reply: this.inbox }
    )
  }

  /** Paced: asks again. */
  next(): void {
    this.resting = false
    this.pull()
  }

  /** Something is asked for, so that silence means trouble. */
  get waiting(): boolean {
    return this.asked > 0
  }

  pause(): void {
    this.paused = true
  }

  resume(): void {
    this.paused = false
    if (!this.waiting) this.heardAt = this.options.now()
    this.pull()
  }

  close(): void {
    this.halted = true
    if (!this.options.connection.nats.isClosed()) this.subscription.unsubscribe()
  }

  private status(message: Msg): void {
    const headers = message.headers
    const code = headers?.code ?? 0
    if (code === 100) return
    // The end of a pull that names what it did not bring: its time is over, its batch or bytes are used up, a leader changed.
    const left = headers?.get("Nats-Pending-Messages") ?? ""
    if (this.options.paced !== undefined && (code === 404 || code === 408)) {
      this.asked = Math.max(0, this.asked - Number(left === "" ? this.asked : left))
      this.resting = true
      return
    }
    if (code === 408 || left !== "") {
      this.asked = Math.max(0, this.asked - Number(left))
      return
    }
    this.asked = 0
    this.halted = true
    this.options.onTrouble(`${code} ${headers?.description ?? ""}`.trim())
  }
}
