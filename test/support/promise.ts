// What a page of documentation promises in its comments, held against what its code gave while it runs.
import { formatWithOptions, inspect } from 'node:util'

const oneLine = { breakLength: Infinity, compact: true, depth: 10, sorted: false }
let last = 'nothing'

const log = console.log
console.log = (...args: unknown[]) => {
  last = formatWithOptions(oneLine, ...args)
  log(last)
}

/** The value of an expression, as `util.inspect` writes it. */
export function equals(place: string, promised: string, value: unknown): void {
  hold(place, promised, inspect(value, oneLine))
}

/** What was printed last. */
export function printed(place: string, promised: string): void {
  hold(place, promised, last)
}

/** `…` in a promise stands for anything. */
function hold(place: string, promised: string, came: string): void {
  const parts = promised.split('…').map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
  if (!new RegExp(`^${parts.join('.*')}$`, 's').test(came)) throw new Error(`${place} promises ${promised}, but it is ${came}`)
}
