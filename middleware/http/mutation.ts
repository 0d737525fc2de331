// Knows what a successful write clears before its client hears of it, and what becomes of its answer when that is not confirmed.

import { checkChoice, checkFunction, checkNames, openEngines, show, toMilliseconds, uriRef } from '../../src/door.ts'
import { ConfigError, isClearable, Ref } from '../../src/index.ts'
import type { Clearable, Duration } from '../../src/index.ts'
import type { Release } from './hold.ts'
import { isSafe } from './storable.ts'
import { namedUris, urisToClear } from './uri.ts'
import type { Visit } from './visit.ts'

/** Options of `invalidates`. */
export interface InvalidatesOptions {
  /**
   * What the client gets where the clear is not confirmed in time (`commandTimeout`). The write has happened, the clear holds in this process
   * and is queued: "serve" lets the answer go, "fail" makes it a 503. @default "serve"
   * @example onUnconfirmed: 'fail'
   */
  onUnconfirmed?: 'serve' | 'fail'
  /**
   * Clears once more so much later, for replicas that lag behind the write: milliseconds, or a string with its unit. 0 is never; what is
   * negative or Infinity is refused. @default never
   * @example again: '2s'
   */
  again?: Duration
}

/** What is cleared: a function or route by its arguments, one ref, or refs that are worked out from the request. */
export type Target<Subject> = Clearable | Ref | ((subject: Subject) => readonly Ref[])

/** What one `invalidates` clears besides a request's own URI, and how. */
export interface Mutation<Subject> {
  /** What the request changed. */
  changedBy(subject: Subject): readonly Ref[]
  readonly onUnconfirmed: 'serve' | 'fail'
  /** Milliseconds; 0: never. */
  readonly again: number
}

/** Of a request that passed `cached` only: its own URI and what its answer names, nothing else. */
export const ownUri: Mutation<unknown> = { changedBy: () => [], onUnconfirmed: 'serve', again: 0 }

/** Checks the arguments of `invalidates`, of which the second may be the options. Throws a `ConfigError` for what is wrong. */
export function resolveMutation<Subject>(target: Target<Subject>, second: unknown, third: unknown): Mutation<Subject> {
  const isOptions = third === undefined && typeof second === 'object' && second !== null
  const options = (isOptions ? second : third) as InvalidatesOptions | undefined
  if (options !== undefined) checkNames(options, ['onUnconfirmed', 'again'], 'invalidates')
  const { onUnconfirmed = 'serve', again } = options ?? {}
  return {
    changedBy: changedByOf(target, isOptions ? undefined : second),
    onUnconfirmed: checkChoice(onUnconfirmed, ['serve', 'fail'], 'onUnconfirmed'),
    again: again === undefined ? 0 : toMilliseconds(again, 'again'),
  }
}

function changedByOf<Subject>(target: Target<Subject>, argsOf: unknown): Mutation<Subject>['changedBy'] {
  if (isClearable(target)) {
    checkFunction(argsOf, 'argsOf')
    return (subject) => [callsOf(target, () => (argsOf as ((subject: Subject) => unknown) | undefined)?.(subject) ?? [])]
  }
  if (argsOf !== undefined)
    throw new ConfigError('`argsOf` is for a cached function or route: a ref, or a function that gives refs, has its arguments already.')
  if (target instanceof Ref) return () => [target]
  if (typeof target === 'function') return (subject) => checkedRefs(target(subject))
  throw new ConfigError(
    `Expected invalidates to be given a cached function, a cached route, a ref, or a function that gives refs, got ${show(target)}.`,
  )
}

function callsOf(target: Clearable, argsOf: () => unknown): Ref {
  try {
    return target.ref(...(checkedArgs(argsOf()) as never[]))
  } catch (error) {
    // The write has happened, and which calls it touched is not known.
    report(error)
    return target.ref()
  }
}

function checkedArgs(args: unknown): readonly unknown[] {
  if (Array.isArray(args)) return args as unknown[]
  throw new ConfigError(
    `Expected \`argsOf\` to give a list of arguments, such as [req.params.id], got ${show(args)}. All of the target was cleared.`,
  )
}

function checkedRefs(refs: unknown): readonly Ref[] {
  if (Array.isArray(refs) && refs.every((ref) => ref instanceof Ref)) return refs
  throw new ConfigError(`Expected the function given to invalidates to give a list of refs, such as [getUser.ref(id)], got ${show(refs)}.`)
}

/** Holds the answer to an unsafe request until what it changed is cleared. */
export function clearBeforeAnswer<Subject>(visit: Visit<Subject>, mutation: Mutation<Subject>): void {
  if (isSafe(visit.method)) return
  visit.hold({
    before(status) {
      // RFC 9111 §4.4: a response that is no error. A failed write changed nothing.
      if (status >= 400) return undefined
      const cleared = clearChanged(visit, mutation)
      return cleared.then(
        () => 'as it is',
        (error: unknown) => unconfirmed(mutation, error),
      )
    },
  })
}

async function clearChanged<Subject>(visit: Visit<Subject>, mutation: Mutation<Subject>): Promise<void> {
  // RFC 9111 §4.4
  const uris = new Set([
    ...urisToClear(visit.path, visit.query),
    ...namedUris(visit.res.getHeaders(), { origin: visit.origin(), path: visit.path }),
  ])
  const refs = [...mutation.changedBy(visit.subject), ...Array.from(uris, uriRef)]
  // As one, so that no process hears of the URI first and makes the response anew of what it has not yet heard of. A URI is no one cache's.
  const isOf = (engine: object) => (ref: Ref) => ref.origin?.owner === undefined || ref.origin.owner === engine
  const clear = async (): Promise<void> => {
    await Promise.all(openEngines().map((engine) => engine.record('clear', () => refs.filter(isOf(engine)))))
  }
  if (mutation.again > 0) setTimeout(() => void clear().catch(report), mutation.again).unref()
  await clear()
}

function unconfirmed(mutation: Mutation<never>, error: unknown): Release {
  report(error)
  if (mutation.onUnconfirmed === 'serve') return 'as it is'
  return { status: 503, body: 'The change was made, but not all that shows it could be brought up to date yet.\n' }
}

/** Tells the caches what went wrong where no one awaits it. */
function report(error: unknown): void {
  for (const engine of openEngines()) engine.report(error)
}
