// Knows how many bytes the entries of one cache take in this process, and which function has to give some back.

/** Something that holds entries and can let go of the one that was not used for longest. */
export interface Holder {
  readonly bytes: number
  /** False when nothing is left. */
  evictOldest(): boolean
}

export class Budget {
  readonly #maxBytes: number
  readonly #holders: Set<Holder> = new Set()
  #total = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get total(): number {
    return this.#total
  }

  join(holder: Holder): void {
    this.#holders.add(holder)
  }

  /** Notes that a holder took more bytes, or gave some back. */
  add(bytes: number): void {
    this.#total += bytes
  }

  /** Past the bound, whoever holds most lets go of what was not used for longest, until it fits. */
  enforce(): void {
    while (this.#total > this.#maxBytes) if (this.#heaviest()?.evictOldest() !== true) return
  }

  #heaviest(): Holder | undefined {
    let heaviest: Holder | undefined
    for (const holder of this.#holders) if (holder.bytes > (heaviest?.bytes ?? 0)) heaviest = holder
    return heaviest
  }
}
