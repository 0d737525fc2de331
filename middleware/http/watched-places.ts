// Knows how to watch what outer layers have left on a place, and who looks for what they might have.

import { allOf } from './absent.ts'
import { addedTo, isOpaque, watchAbsent } from './added.ts'
import type { AddedProperty, Place, Seeker } from './added.ts'
import type { Harmlessness } from './harmless.ts'
import { shadow } from './shadow.ts'

/** Who hears of what is read. */
export interface Reading extends Seeker {
  unwatched<T>(work: () => T): T
  /** What no accessor can be put before. */
  readonly unwatchable: AddedProperty[]
  readonly isHarmless: Harmlessness | undefined
}

/** Watches what outer layers left on a place, and who looks for what they might have. */
export function watchPlace(
  place: Place,
  derived: readonly { readonly target: object; readonly name: string }[],
  { read, lookFor, unwatched, unwatchable, isHarmless }: Reading,
): ((() => void) | undefined)[] {
  const { target } = place
  if (isOpaque(place)) return [watchOpaque(place, read)]
  const restores: ((() => void) | undefined)[] = []
  for (const added of addedTo(place, isHarmless)) {
    const { name, label } = added
    if (derived.some((known) => known.target === target && known.name === name)) continue
    const before = (): void => read(label)
    // A layer that put a setter there acts on what it is given: a session is somebody's.
    const hasSetter = setterOf(target, name) !== undefined
    const restore = shadow(target, name, { before, get: (value) => unwatched(value), ...(hasSetter && { beforeSet: before }) })
    if (restore === undefined) unwatchable.push(added)
    else restores.push(restore)
  }
  restores.push(watchAll(place, lookFor), watchAbsent(place, { read, lookFor }))
  return restores
}

/** Notices who looks at a place that is no plain object: behind a proxy what a class keeps for itself would not be there. */
function watchOpaque({ label, holder }: Place, read: (label: string) => void): (() => void) | undefined {
  const restore = holder && shadow(holder.target, holder.name, { before: () => read(label) })
  if (restore === undefined) read(label)
  return restore
}

/** Notices who looks at a place, where another request may have what is no plain object, and who looks through all of it. */
function watchAll(place: Place, lookFor: (label: string) => void): (() => void) | undefined {
  const { target, holder, label } = place
  const seen = new Proxy(target, { ownKeys: () => (lookFor(allOf(place)), Reflect.ownKeys(target)) })
  const get = (value: () => unknown): unknown => {
    const found = value()
    if (found !== target) return found
    lookFor(label)
    return seen
  }
  return holder && shadow(holder.target, holder.name, { get })
}

function setterOf(target: object, name: PropertyKey): unknown {
  for (let at: object | null = target; at !== null; at = Object.getPrototypeOf(at) as object | null) {
    const found = Object.getOwnPropertyDescriptor(at, name)
    if (found !== undefined) return found.set
  }
  return undefined
}
