// Knows what is kept by name where much comes and goes, so that what has gone is let go of.

const FEW = 1000

/**
 * As a Map from names. A Map whose entries come and go is made anew again and again, and each table that V8 leaves behind leads to the next:
 * what is in them lives until all of them are collected. So the Map has numbers, of places in a list, which the next one takes over.
 */
export class Slots<T> {
  readonly #numbers: Map<string, number> = new Map()
  #list: Array<T | undefined> = []
  readonly #free: number[] = []

  get size(): number {
    return this.#numbers.size
  }

  get(name: string): T | undefined {
    const number = this.#numbers.get(name)
    return number === undefined ? undefined : this.#list[number]
  }

  set(name: string, value: T): void {
    let number = this.#numbers.get(name)
    if (number === undefined) {
      number = this.#free.pop() ?? this.#list.length
      this.#numbers.set(name, number)
    }
    this.#list[number] = value
  }

  delete(name: string): void {
    const number = this.#numbers.get(name)
    if (number === undefined) return
    this.#numbers.delete(name)
    this.#list[number] = undefined
    this.#free.push(number)
    if (this.#list.length > FEW && this.#numbers.size * 4 < this.#list.length) this.#close()
  }

  /** As those of a Map: what goes while they are walked may be any of them. */
  *values(): Iterable<T> {
    for (const number of this.#numbers.values()) yield this.#list[number]!
  }

  /** Gives back the places of what has gone. In the same Map, of which somebody may be on a walk. */
  #close(): void {
    const list: Array<T | undefined> = []
    for (const [name, number] of this.#numbers) {
      this.#numbers.set(name, list.length)
      list.push(this.#list[number])
    }
    this.#list = list
    this.#free.length = 0
  }
}
