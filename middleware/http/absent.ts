// Knows for which requests an answer does not hold whose handler looked for what no layer had left: those on which one has.

import { addedTo, ANSWERING, isFrameworks, isOpaque, labelOf } from './added.ts'
import type { Place } from './added.ts'
import { hasFieldOf } from './watched-fields.ts'

// Past so many it is no longer said what was looked for, and nothing is stored.
export const MOST_ABSENT = 32

/** What a handler looks for that looks through all of a place: "res.locals.*". */
export function allOf({ label }: Place): string {
  return `${label}.*`
}

/** The first of these labels that a layer has left something under; `isIgnored` tells what of all may be there. */
export function foundOn(
  places: readonly Place[],
  labels: readonly string[],
  isIgnored: (label: string) => boolean = () => false,
): string | undefined {
  for (const place of places) {
    if (labels.includes(place.label) && isOpaque(place) && !isIgnored(place.label)) return place.label
    const found = labels.includes(allOf(place)) ? addedTo(place).find(({ label }) => !isIgnored(label)) : undefined
    const label = found?.label ?? labels.find((name) => isOn(place, name))
    if (label !== undefined) return label
  }
  return undefined
}

const WAYS_TO_ANSWER: ReadonlyMap<string, string> = new Map(Array.from(ANSWERING, (name) => [`res.${name}`, name]))

/** Whether all that was looked for is ways to answer, and no layer has wrapped one of them: most handlers look for no more. */
export function areUnwrapped(res: object, labels: readonly string[]): boolean {
  for (const label of labels) {
    const name = WAYS_TO_ANSWER.get(label)
    if (name === undefined || Object.hasOwn(res, name)) return false
  }
  return true
}

function isOn(place: Place, label: string): boolean {
  if (!label.startsWith(place.label)) return false
  const rest = label.slice(place.label.length)
  const hasField = hasFieldOf(place.target, rest)
  if (hasField !== undefined) return hasField
  if (rest.startsWith('.')) return isLeft(place, rest.slice(1))
  return rest.startsWith('[') && Object.getOwnPropertySymbols(place.target).some((symbol) => labelOf(place, symbol) === label)
}

/** Whether a property is some layer's: what the class of a message has, of HTTP/2 and not of HTTP/1, nobody has left. */
function isLeft({ target, label }: Place, name: string): boolean {
  if (ANSWERING.has(name)) return Object.hasOwn(target, name)
  // Where one place is found on another it says nothing that it is there.
  if (isFrameworks(label, name)) return false
  let at: object | null = target
  while (at !== null && !Object.hasOwn(at, name)) at = Object.getPrototypeOf(at) as object | null
  return at !== null && (at === target || !Object.hasOwn(at, 'constructor'))
}
