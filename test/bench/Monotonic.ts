const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** Milliseconds of the machine's monotonic clock: one clock for every process, so that a time of one can be taken from a time of another. */
export const monotonic = (): number => performance.now() + offset
