// Knows cached getters: what one gives is a value or a promise, and which of them is seen when it first runs.

import type { Engine } from './engine.ts'
import { keyOf } from './key.ts'
import { cycle, type Call, type WholeLoad } from './call.ts'
import type { Calls } from './calls.ts'
import { Definition } from './definition.ts'
import { dress, entryFrom, memoize } from './memoize.ts'
import { checkDefinition, SYNC_NAMES, type AnyFunction, type MemoizeOptions } from './memoize-options.ts'
import type { Frame } from './tracking.ts'

/** Wraps a getter: one that gives plain values stays synchronous, in this process; of a promise, the value is kept. */
export function memoizeGetter(engine: Engine, get: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>): object {
  const isSaidToBeAsync = Object.entries(options).some(([name, value]) => value !== undefined && !SYNC_NAMES.includes(name))
  return isSaidToBeAsync ? memoize(engine, get, options) : memoizeEither(engine, get, options)
}

function memoizeEither(engine: Engine, get: AnyFunction, options: MemoizeOptions<AnyFunction, unknown>): object {
  checkDefinition(get, options, SYNC_NAMES, 'getter')
  const definition = new Definition(engine, get, options, 'memory')
  const { calls, give } = definition
  const handed = (value: unknown): unknown => (value instanceof Promise ? value.then(give) : give(value))
  const first = new FirstLoad(engine, calls)
  let isAsync: boolean | undefined
  const plain = (call: Call, load: WholeLoad<unknown>): unknown =>
    calls.loadSync(call, (frame) => {
      const loaded = load(frame)
      if (!(loaded instanceof Promise)) return loaded
      isAsync = true
      return { value: loaded.then(({ value }) => value), store: false, share: true }
    })
  const begin = (call: Call, load: WholeLoad<unknown>): unknown => {
    const given = first.run(call, load)
    isAsync = given.isAsync
    return given.value
  }
  const cached = function (this: unknown): unknown {
    const keyArgs = definition.keyArgs(this, [])
    const key = definition.keyOf(keyArgs, keyArgs) ?? keyOf(keyArgs)
    // One that is synchronous cannot ask Redis.
    const entry = isAsync === true ? calls.fresh(key) : calls.known(key)
    if (entry !== undefined) return isAsync === true ? Promise.resolve(give(entry.value)) : give(entry.value)
    const call = calls.call(keyArgs, key)
    const load: WholeLoad<unknown> = (frame) => definition.loadEither(this, [], frame)
    if (isAsync === undefined) return handed(begin(call, load))
    return handed(isAsync ? entryFrom(calls, call, load).then(({ value }) => value) : plain(call, load))
  }
  return dress(cached, get, definition.handle())
}

/** Loads while it is not known whether the getter is asynchronous: as if it were, and looking at what it gives in the tick of the call. */
class FirstLoad {
  readonly #engine: Engine
  readonly #calls: Calls<unknown>
  readonly #running: Set<string> = new Set()

  constructor(engine: Engine, calls: Calls<unknown>) {
    this.#engine = engine
    this.#calls = calls
  }

  run(call: Call, load: WholeLoad<unknown>): { readonly isAsync: boolean; readonly value: unknown } {
    if (this.#running.has(call.key)) throw cycle(call)
    const reader = this.#engine.tracker.current()
    let frame: Frame | undefined
    let outcome: { readonly value: unknown } | { readonly error: unknown } | undefined
    const watched: WholeLoad<unknown> = (own) => {
      frame = own
      try {
        const loaded = load(own)
        if (!(loaded instanceof Promise)) outcome = loaded
        return loaded
      } catch (error) {
        outcome = { error }
        throw error
      }
    }
    this.#running.add(call.key)
    // `refresh`, because it begins its load at once, even where Redis may be asked.
    const loading = this.#calls.refresh(call, watched)
    this.#running.delete(call.key)
    if (outcome === undefined) return { isAsync: true, value: loading.then((entry) => entry.value) }
    loading.catch(() => {})
    // A flight in a lane tells its reader a moment later, when a synchronous reader has already ended.
    if (frame !== undefined) reader?.add(frame.refs, frame.trustFrom, frame.stale)
    if ('error' in outcome) throw outcome.error
    return { isAsync: false, value: outcome.value }
  }
}
