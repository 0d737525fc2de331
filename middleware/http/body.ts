// Knows a body while it goes by: copies of its chunks, up to a bound.

import type { ServerResponse } from 'node:http'

/** What `write` and `end` take for a chunk; anything else is theirs to refuse. */
export function isChunk(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array
}

/** Calls back who has handed a function over to `end`, as Node.js does: an outer layer may take a function alone for a chunk. */
export function onceEnded(res: ServerResponse, args: readonly unknown[]): void {
  for (const arg of args) if (typeof arg === 'function') res.once('finish', arg as () => void)
}

/** A chunk as bytes of its own: who handed it over may use its memory again. Undefined for an encoding that there is not. */
export function bytesOf(chunk: string | Uint8Array, encoding?: unknown): Buffer | undefined {
  if (typeof chunk !== 'string') return Buffer.from(chunk)
  const name = typeof encoding === 'string' ? encoding : 'utf8'
  return Buffer.isEncoding(name) ? Buffer.from(chunk, name) : undefined
}

/** Copies of the chunks of one body. Past `maxBytes` it lets go of what it has, and only counts. */
export class Body {
  /** How many bytes went by. */
  length = 0
  readonly #maxBytes: number
  #chunks: Buffer[] = []

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get isTooLarge(): boolean {
    return this.length > this.#maxBytes
  }

  /** Adds a chunk; false once the body is larger than what is kept. */
  add(chunk: Buffer): boolean {
    this.length += chunk.length
    if (this.isTooLarge) this.drop()
    else if (chunk.length > 0) this.#chunks.push(chunk)
    return !this.isTooLarge
  }

  /** Lets go of what it has. */
  drop(): void {
    this.#chunks = []
  }

  /** The body as one piece. */
  bytes(): Buffer {
    return this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks)
  }
}
