// Knows values in numbered places, and the order of their last use.

/** The number of no place. */
export const NONE = -1

const LEAST_PLACES = 16
const FEW = 1000

/**
 * What comes and goes, each in a place that the next one takes over when it has gone. A place has a number for as long as it is taken: its
 * neighbours in the order of use are numbers too, so that to move one neither touches the others nor is a write that V8 has to note.
 */
export class Slots<T> {
  readonly #values: Array<T | undefined> = []
  /** Of each place the number of the one that was used before it, and of the one that was used after it; of a free one that of the next free one. */
  #links: Int32Array<ArrayBuffer> = new Int32Array(LEAST_PLACES * 2)
  #size = 0
  #oldest = NONE
  #newest = NONE
  #free = NONE

  get size(): number {
    return this.#size
  }

  /** Whether most places are free, and many. */
  get isSparse(): boolean {
    return this.#values.length > FEW && this.#size * 4 < this.#values.length
  }

  /** The place of what was not used for longest. */
  get oldest(): number {
    return this.#oldest
  }

  /** The place of what was used last. */
  get newest(): number {
    return this.#newest
  }

  at(place: number): T | undefined {
    return this.#values[place]
  }

  /** The place of its neighbour in the order of use. */
  olderThan(place: number): number {
    return this.#links[place * 2]!
  }

  newerThan(place: number): number {
    return this.#links[place * 2 + 1]!
  }

  /** Takes a place for a value, which is then the one that was used last. */
  add(value: T): number {
    const place = this.#takePlace()
    this.#values[place] = value
    this.#size++
    this.#link(place)
    return place
  }

  /** Makes the value of a place the one that was used last. */
  use(place: number): void {
    const newest = this.#newest
    if (place === newest) return
    const links = this.#links
    const older = links[place * 2]!
    // There is one: its newest neighbour at least.
    const newer = links[place * 2 + 1]!
    if (older === NONE) this.#oldest = newer
    else links[older * 2 + 1] = newer
    links[newer * 2] = older
    links[place * 2] = newest
    links[place * 2 + 1] = NONE
    links[newest * 2 + 1] = place
    this.#newest = place
  }

  /** Lets go of the value of a place. */
  remove(place: number): void {
    this.#unlink(place)
    this.#values[place] = undefined
    this.#size--
    this.#links[place * 2] = this.#free
    this.#free = place
  }

  #takePlace(): number {
    const free = this.#free
    if (free !== NONE) {
      this.#free = this.#links[free * 2]!
      return free
    }
    const place = this.#values.length
    if (place * 2 === this.#links.length) {
      const links = new Int32Array(place * 4)
      links.set(this.#links)
      this.#links = links
    }
    return place
  }

  #link(place: number): void {
    const links = this.#links
    const newest = this.#newest
    links[place * 2] = newest
    links[place * 2 + 1] = NONE
    if (newest === NONE) this.#oldest = place
    else links[newest * 2 + 1] = place
    this.#newest = place
  }

  #unlink(place: number): void {
    const links = this.#links
    const older = links[place * 2]!
    const newer = links[place * 2 + 1]!
    if (older === NONE) this.#oldest = newer
    else links[older * 2 + 1] = newer
    if (newer === NONE) this.#newest = older
    else links[newer * 2] = older
  }
}
