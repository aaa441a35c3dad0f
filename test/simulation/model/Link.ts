import type { Process } from "../Process.ts"
import type { World } from "../World.ts"

/** What may go wrong between processes and the broker. Probabilities, and factors of the usual. */
export interface Weather {
  /** Of a request that never arrives. */
  lost: number
  /** Of a request that is done, and its answer lost. */
  unanswered: number
  /** Of an acknowledgement of a consumed message that never arrives. */
  lostAcknowledgement: number
  /** How much longer everything takes. */
  slowness: number
}

export const fairWeather = (): Weather => ({ lost: 0, unanswered: 0, lostAcknowledgement: 0, slowness: 1 })

/** A request without an answer fails after so long, as the append log's and the connection's do. */
const patience = 5_000

type Trouble = "disconnected" | "unacknowledged"

interface Request {
  readonly since: number
  over: boolean
  readonly fail: (trouble: Trouble) => void
  cancel: (() => void) | undefined
}

/** A process's connection to the broker: in order both ways, like TCP; what is under way when it breaks arrives or does not. */
export class Link {
  readonly process: Process
  readonly #world: World
  readonly #weather: Weather
  connected = true
  /** How much longer than the weather says this one takes. */
  slowness = 1
  /** Counts connections: what belongs to a former one is not handed on. */
  session = 0
  #lostSessions = new Set<number>()
  #stalledUntil = 0
  #outAt = 0
  #backAt = 0
  readonly #requests = new Set<Request>()
  readonly #listeners = new Set<(connected: boolean) => void>()

  constructor(process: Process, weather: Weather) {
    this.process = process
    this.#world = process.world
    this.#weather = weather
  }

  #delay(): number {
    const { chance } = this.#world
    const usual = chance.happens(0.02) ? chance.between(5, 60) : chance.between(0.05, 0.8)
    return usual * this.#weather.slowness * this.slowness
  }

  /** To the broker. Nothing comes back. */
  send(arrive: () => void): void {
    if (!this.connected) return
    const { session } = this
    this.#outAt = Math.max(this.#outAt, this.#world.now + this.#delay())
    const arrival = () => {
      if (this.#lostSessions.has(session)) return
      // A stall keeps the order: whatever comes later is put off behind it.
      if (this.#stalledUntil > this.#world.now) this.#world.at(this.#stalledUntil, arrival)
      else arrive()
    }
    this.#world.at(this.#outAt, arrival)
  }

  /** From the broker, while the connection lasts. */
  push(run: () => void): void {
    if (!this.connected) return
    const { session } = this
    this.#backAt = Math.max(this.#backAt, this.#world.now + this.#delay())
    this.#world.at(this.#backAt, () => {
      if (session === this.session && this.connected) this.process.deliver(run)
    })
  }

  request<A>(atBroker: () => A, answered: (answer: A) => void, failed: (trouble: Trouble) => void): void {
    if (!this.connected) return this.process.deliver(() => failed("disconnected"))
    const { chance } = this.#world
    const { lost, unanswered } = this.#weather
    const isLost = chance.happens(lost)
    const isUnanswered = chance.happens(unanswered)
    const request: Request = {
      since: this.#world.now,
      over: false,
      cancel: undefined,
      fail: (trouble) => {
        if (request.over) return
        request.over = true
        this.#requests.delete(request)
        failed(trouble)
      }
    }
    this.#requests.add(request)
    if (isLost || isUnanswered || this.#stalledUntil > this.#world.now) this.#limit(request)
    this.send(() => {
      if (isLost) return
      const answer = atBroker()
      if (isUnanswered) return
      this.push(() => {
        if (request.over) return
        request.over = true
        request.cancel?.()
        this.#requests.delete(request)
        answered(answer)
      })
    })
  }

  #limit(request: Request): void {
    request.cancel ??= this.process.timer(
      request.since + patience - this.#world.now,
      () => request.fail("unacknowledged")
    )
  }

  /** What is under way to the broker, and what is sent, arrives so much later. */
  stall(milliseconds: number): void {
    this.#stalledUntil = Math.max(this.#stalledUntil, this.#world.now + milliseconds)
    for (const request of this.#requests) this.#limit(request)
  }

  /** `arrives`: what was written to it reaches the broker all the same. */
  disconnect(arrives: boolean): void {
    if (!this.connected) return
    this.connected = false
    if (!arrives) this.#lostSessions.add(this.session)
    this.session++
    this.process.deliver(() => {
      for (const request of this.#requests) request.fail("unacknowledged")
    })
    this.#tell(false)
  }

  reconnect(): void {
    if (this.connected) return
    this.connected = true
    this.session++
    this.#tell(true)
  }

  /** Its process is gone: no answer goes anywhere. */
  abandon(arrives: boolean): void {
    if (!arrives) this.#lostSessions.add(this.session)
    this.#requests.clear()
    this.#listeners.clear()
    // What is under way keeps its session and arrives; nothing comes back to a dead process.
  }

  onChange(listener: (connected: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #tell(connected: boolean): void {
    for (const listener of this.#listeners) this.process.deliver(() => listener(connected))
  }
}
