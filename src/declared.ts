// Knows what `dependsOn` of a function says: of its own calls, and of one that others declare.

import { types } from 'node:util'
import { show } from './duration.ts'
import type { Engine } from './engine.ts'
import { ConfigError } from './errors.ts'
import { any, isPlainObject } from './key.ts'
import type { AnyFunction, MemoizeOptions } from './memoize-options.ts'
import { everything, Ref, wholeRef } from './ref.ts'
import type { Frame } from './tracking.ts'

type Options = MemoizeOptions<AnyFunction, unknown>

export interface DeclaredOptions {
  readonly engine: Engine
  readonly name: string
  readonly dependsOn: Options['dependsOn'] | undefined
  readonly key: Options['key'] | undefined
  /** How many parameters the function has, as far as that shows. */
  readonly length: number
}

/** The dependencies that a function declares. */
export class Declared {
  readonly #options: DeclaredOptions
  readonly #names: Set<string> = new Set()
  #hasDeclared = false
  /** The most arguments that a call had: parameters with a default and rest parameters are not in a function's `length`. */
  #mostArgs = 0

  constructor(options: DeclaredOptions) {
    this.#options = options
  }

  /** Adds what is declared of a call to what its load has read. False where that cannot be known: it then depends on anything. */
  track(args: readonly unknown[], frame: Frame): boolean {
    const { engine, dependsOn } = this.#options
    if (dependsOn === undefined) return true
    if (args.length > this.#mostArgs) this.#mostArgs = args.length
    const refs = typeof dependsOn === 'function' ? this.#ask(() => dependsOn(...args)) : dependsOn
    engine.declare(frame.refs, refs ?? [everything])
    return refs !== undefined
  }

  /** What a declared ref to this function brings with it: never less than what its calls depend on. */
  of(ref: Ref): readonly Ref[] {
    const { dependsOn, key, length } = this.#options
    if (typeof dependsOn !== 'function') return dependsOn ?? []
    const args = ref.origin?.args
    const least = Math.max(length, dependsOn.length, this.#mostArgs)
    const namesAll =
      key === undefined && args !== undefined && args.length >= least && !args.some((arg) => arg === any || isPlainObject(arg))
    if (namesAll) return this.#ask(() => dependsOn(...args)) ?? [everything]
    // Before it has run, it may depend on anything.
    return this.#hasDeclared ? Array.from(this.#names, wholeRef) : [everything]
  }

  #ask(dependsOn: () => readonly Ref[]): readonly Ref[] | undefined {
    const refs = asked(this.#options, 'dependsOn', () => checkRefs(atOnce(dependsOn())))
    if (refs === undefined) return undefined
    this.#hasDeclared = true
    for (const ref of refs) this.#names.add(ref.name)
    return refs
  }
}

function checkRefs(refs: unknown): readonly Ref[] {
  if (Array.isArray(refs) && refs.every((ref) => ref instanceof Ref)) return refs
  throw new ConfigError(`Expected \`dependsOn\` to give a list of refs, such as [getUser.ref(id)], got ${show(refs)}.`)
}

/** What a function among the options gave: of a promise it is not asked what it gives later, and its failure is nobody's. */
export function atOnce<T>(given: T): T {
  if (types.isPromise(given)) given.catch(() => undefined)
  return given
}

/** What a function among the options of `name` says of a call. Undefined where it fails, which `onError` is told: its caller waits for a value. */
export function asked<T>(
  { engine, name }: { readonly engine: Engine; readonly name: string },
  option: string,
  ask: () => T,
): T | undefined {
  try {
    return ask()
  } catch (error) {
    engine.report(
      new ConfigError(`\`${option}\` of "${name}" failed: the caller gets the value, and what was loaded is not stored.`, error),
    )
    return undefined
  }
}
