/** Where a partition stood, by POSITIONS. */
export interface Position {
  /** Every event up to there is settled. */
  readonly floor: number
  /** Of its owner. */
  readonly epoch: number
  /** When that was written, broker milliseconds: when it was claimed, or its floor last moved. */
  readonly writtenAt: number
}

/** Where the partitions stood when the audit began. */
export interface Standing {
  readonly partitions: number
  /** By partition. One that was written for another EVENTS is there, and says that nothing is settled. */
  readonly positions: ReadonlyMap<number, Position>
  /** Since when somebody has held the lease, broker milliseconds; undefined: nobody does. */
  readonly leasedSince: number | undefined
  /** How far the clocks of two streams may be apart, milliseconds: 0 where one server keeps them all. */
  readonly clocksApart: number
  /** The broker's time, milliseconds. */
  readonly at: number
}
