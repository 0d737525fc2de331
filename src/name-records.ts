// Knows the records of one name and kind, and finds the later ones that overlap a ref without going through all of them.

import { leafAt, overlaps, type Ref } from './ref.ts'

/**
 * When something happened, in both orders. `position` counts in this process and orders what happened here; `epoch` is the shared
 * log's and orders what crosses processes. A record of this process that Redis has not acknowledged has no epoch yet.
 */
export interface Mark {
  position: number
  epoch: number
}

export type RecordKind = 'clear' | 'expire'

/** One clear or expire. Its identity is its kind and ref: doing it again moves it. */
export interface ClearRecord extends Mark {
  readonly id: string
  readonly kind: RecordKind
  readonly ref: Ref
  /** This process's monotonic clock when the record was applied here. */
  time: number
  /** How many own clears of this ref are not acknowledged: until then it counts as later than every epoch. */
  pending: number
}

/** Whether a mark is later than the point from which one asks. */
export type IsLater = (mark: Mark) => boolean

export const NEVER = -1
const MOST_SHAPES = 32

export function never(): Mark {
  return { position: NEVER, epoch: NEVER }
}

export function raise(mark: Mark, to: Mark): void {
  if (to.position > mark.position) mark.position = to.position
  if (to.epoch > mark.epoch) mark.epoch = to.epoch
}

/** The records that name the same paths, by their values there. */
interface Shape {
  readonly paths: readonly string[]
  readonly records: Map<string, ClearRecord>
  readonly newest: Mark
}

export class NameRecords {
  readonly newest: Mark = never()
  /** Up to here the whole of the name counts as recorded: where records were collapsed. */
  readonly collapsed: Mark = never()
  readonly #shapes: Map<string, Shape> = new Map<string, Shape>()

  get isEmpty(): boolean {
    return this.#shapes.size === 0
  }

  /** Takes a record in, or takes note that it is later than it was. */
  put(record: ClearRecord): void {
    raise(this.newest, record)
    const key = shapeKey(record.ref)
    let shape = this.#shapes.get(key)
    if (shape === undefined) {
      if (this.#shapes.size >= MOST_SHAPES) return raise(this.collapsed, record)
      shape = { paths: Array.from(record.ref.leaves.keys()), records: new Map(), newest: never() }
      this.#shapes.set(key, shape)
    }
    raise(shape.newest, record)
    shape.records.set(valuesAt(shape.paths, record.ref)!, record)
  }

  /** Keeps of a record only when it was: from here on the whole of the name counts as recorded then. */
  collapse(record: ClearRecord): void {
    raise(this.newest, record)
    raise(this.collapsed, record)
    const key = shapeKey(record.ref)
    const shape = this.#shapes.get(key)
    if (shape === undefined) return
    shape.records.delete(valuesAt(shape.paths, record.ref)!)
    if (shape.records.size === 0) this.#shapes.delete(key)
  }

  /** A record that is later and overlaps the ref, or the mark up to which all do; undefined when there is none. */
  find(ref: Ref, isLater: IsLater): ClearRecord | Mark | undefined {
    if (!isLater(this.newest)) return undefined
    if (isLater(this.collapsed)) return this.collapsed
    for (const shape of this.#shapes.values()) {
      const found = isLater(shape.newest) ? findInShape(shape, ref, isLater) : undefined
      if (found !== undefined) return found
    }
    return undefined
  }
}

function findInShape(shape: Shape, ref: Ref, isLater: IsLater): ClearRecord | undefined {
  const values = valuesAt(shape.paths, ref)
  if (values !== undefined) {
    const record = shape.records.get(values)
    return record !== undefined && isLater(record) && overlaps(record.ref, ref) ? record : undefined
  }
  if (ref.exact) return undefined
  for (const record of shape.records.values()) if (isLater(record) && overlaps(record.ref, ref)) return record
  return undefined
}

/** One call and the pattern that names the same leaves are two records. */
function shapeKey(ref: Ref): string {
  return `${ref.exact ? '=' : '~'}${Array.from(ref.leaves.keys()).join('\n')}`
}

/** The values at a shape's paths as one text; undefined where the ref leaves one of them open or cannot have it. */
function valuesAt(paths: readonly string[], ref: Ref): string | undefined {
  let text = ''
  for (const path of paths) {
    const leaf = leafAt(ref, path)
    if (leaf === undefined) return undefined
    text += `${leaf}\n`
  }
  return text
}
