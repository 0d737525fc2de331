// Knows how to say that an argument cannot be part of a key: which one, and why.

import { types } from 'node:util'
import { show } from './duration.ts'
import { KeyError } from './errors.ts'

/** Thrown where a value is found that has no canonical text, and turned into a `KeyError` that says where it lies. */
export class Unkeyable {
  readonly value: unknown
  readonly why: string

  constructor(value: unknown, why: string) {
    this.value = value
    this.why = why
  }
}

const ADVICE = 'Pass plain data, or give `key` to choose what selects the result.'
const LONGEST_PATH = 300

/** Does what reads arguments, and throws nothing but `KeyError`s. */
export function reading<T>(args: readonly unknown[], work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof Unkeyable))
      throw new KeyError(`An argument could not be read for its key: ${messageOf(error)}. ${ADVICE}`, error)
    throw new KeyError(`Argument ${pathTo(args, error.value)} cannot be part of a key: it ${error.why}. ${ADVICE}`)
  }
}

function messageOf(error: unknown): string {
  return show(error instanceof Error ? error.message : error)
}

/** Where in the arguments a value lies, for a message: `0.filter.onDone`. */
function pathTo(args: readonly unknown[], wanted: unknown): string {
  const seen = new Set<unknown>()
  const search = (value: unknown, path: string): string | undefined => {
    if (value === wanted) return path
    if (typeof value !== 'object' || value === null || seen.has(value) || path.length > LONGEST_PATH) return undefined
    seen.add(value)
    for (const [name, child] of childrenOf(value)) {
      const found = search(child, path === '' ? name : `${path}.${name}`)
      if (found !== undefined) return found
    }
    return undefined
  }
  try {
    return search(Array.from(args), '') ?? '(nested)'
  } catch {
    // A getter that throws, beside what is wrong anyway.
    return '(nested)'
  }
}

function* childrenOf(value: object): Generator<[name: string, child: unknown]> {
  if (types.isMap(value)) {
    for (const [key, item] of value) {
      yield ['(key)', key]
      yield [typeof key === 'string' ? key : '(value)', item]
    }
  } else if (types.isSet(value)) {
    for (const item of value) yield ['(item)', item]
  } else yield* Object.entries(value)
}
