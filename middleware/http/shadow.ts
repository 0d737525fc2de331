// Knows how to stand before a property for a while, wherever it comes from, and to take oneself away again.

/** What happens when a property is used. */
export interface Shadow {
  /** Called before it is read, unless what is there was written meanwhile. */
  before?(): void
  /** What reading it gives, in place of its value. */
  get?(value: () => unknown): unknown
  /** Whether `get` stands before what is written meanwhile too. */
  readonly getsWritten?: boolean
  /** Called before it is written through a setter that was there: what stands behind one hears of it. */
  beforeSet?(): void
}

/** Puts an own accessor before a property; returns what takes it away again, or undefined where that cannot be. A value set meanwhile stays. */
export function shadow(target: object, name: PropertyKey, how: Shadow): (() => void) | undefined {
  const own = Object.getOwnPropertyDescriptor(target, name)
  if (own === undefined ? !Object.isExtensible(target) : own.configurable !== true) return undefined
  let written: { value: unknown } | undefined
  const value = (): unknown => {
    if (written !== undefined) return written.value
    if (own === undefined) return Reflect.get(Object.getPrototypeOf(target) as object, name, target) as unknown
    return own.get === undefined ? own.value : (Reflect.apply(own.get, target, []) as unknown)
  }
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: own?.enumerable ?? false,
    get: () => {
      if (written === undefined) how.before?.()
      return how.get === undefined || (written !== undefined && how.getsWritten !== true) ? value() : how.get(value)
    },
    set: (next: unknown) => {
      how.beforeSet?.()
      written = { value: next }
    },
  })
  return () => {
    Reflect.deleteProperty(target, name)
    if (own !== undefined) Object.defineProperty(target, name, own)
    if (written !== undefined) (target as Record<PropertyKey, unknown>)[name] = written.value
  }
}
