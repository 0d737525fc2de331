// Knows the one order in which the properties of an object are written, whatever order they came in.

import type { Kind } from './recent-keys.ts'

/** The properties of the objects that have these names, and have them in this order. */
export interface Properties extends Kind {
  /** In their one order. */
  readonly names: readonly string[]
  /** Where each of them came. */
  readonly places: readonly number[]
  /** What is written before the value of each: `{"author":`, `,"page":`. */
  readonly openings: readonly string[]
}

/** Objects whose names begin so, in the order in which they came. */
interface Beginning {
  readonly longer: Map<string, Beginning>
  whole: Properties | undefined
}

// Sorting and quoting names takes longer than writing the values, and most objects have the names of an earlier one.
const MOST_KNOWN = 1000
const MOST_NAMES = 20
const LONGEST_NAME = 40

let known = newBeginning()
let count = 0
let lastId = 0

/** How the properties of an object are written. `names`: as `Object.keys` gives them. */
export function propertiesNamed(names: readonly string[]): Properties {
  if (names.length > MOST_NAMES) return sorted(names)
  let at = known
  for (const name of names) {
    const longer = at.longer.get(name)
    if (longer === undefined) return remembered(names)
    at = longer
  }
  return (at.whole ??= sorted(names))
}

function remembered(names: readonly string[]): Properties {
  const whole = sorted(names)
  if (names.some((name) => name.length > LONGEST_NAME)) return whole
  // Names may be anybody's, such as a query's: what is known of them is bounded.
  if (count > MOST_KNOWN) {
    known = newBeginning()
    count = 0
  }
  let at = known
  for (const name of names) {
    let longer = at.longer.get(name)
    if (longer === undefined) {
      at.longer.set(name, (longer = newBeginning()))
      count++
    }
    at = longer
  }
  return (at.whole = whole)
}

function newBeginning(): Beginning {
  return { longer: new Map(), whole: undefined }
}

function sorted(given: readonly string[]): Properties {
  const names = given.toSorted()
  const openings = names.map((name, index) => `${index === 0 ? '{' : ','}${JSON.stringify(name)}:`)
  return { id: ++lastId, names, places: names.map((name) => given.indexOf(name)), openings }
}
