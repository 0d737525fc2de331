// Knows what a successful write clears before its client hears of it, and what becomes of its answer when that is not confirmed.

import { checkChoice, checkFunction, checkNames, show, toMilliseconds, uriRef } from '../../src/door.ts'
import { ConfigError, isClearable, Ref } from '../../src/index.ts'
import type { Clearable, Duration } from '../../src/index.ts'
import type { Release } from './hold.ts'
import { cachesWithRoutes, report } from './known-caches.ts'
import { isSafe } from './storable.ts'
import { urisToClear } from './uri.ts'
import type { Visit } from './visit.ts'

export interface InvalidatesOptions {
  /** What the client gets where the clear is not confirmed in time. The write has happened, the clear holds in this process and is queued: "serve" lets the answer go, "fail" makes it a 503. @default "serve" */
  onUnconfirmed?: 'serve' | 'fail'
  /** Clears once more so much later, for replicas that lag behind the write. @default never */
  again?: Duration
}

/** What is cleared: by a function or route and its arguments, by one ref, or by refs that are worked out from the request. */
export type Target<Subject> = Clearable | Ref | ((subject: Subject) => readonly Ref[])

/** What `ref` and `clear` of a cached function or route take. */
export type ArgsOf<T extends Clearable> = T extends { clear(...args: infer A): Promise<void> } ? A : never

/** What one `invalidates` clears, and how. */
export interface Mutation<Subject> {
  /** Clears what the request changed, besides its own URI. */
  clear(subject: Subject): Promise<unknown>
  readonly onUnconfirmed: 'serve' | 'fail'
  /** Milliseconds; 0: never. */
  readonly again: number
}

/** Of a request that only passed `cached`: its own URI and nothing else. */
export const ownUri: Mutation<unknown> = { clear: async () => {}, onUnconfirmed: 'serve', again: 0 }

/** Checks the arguments of `invalidates`. Throws a `ConfigError` for what is wrong. */
export function resolveMutation<Subject>(target: Target<Subject>, argsOf: unknown, options: InvalidatesOptions): Mutation<Subject> {
  checkNames(options, ['onUnconfirmed', 'again'], 'invalidates')
  return {
    clear: clearOf(target, argsOf),
    onUnconfirmed: checkChoice(options.onUnconfirmed ?? 'serve', ['serve', 'fail'], 'onUnconfirmed'),
    again: options.again === undefined ? 0 : toMilliseconds(options.again, 'again'),
  }
}

function clearOf<Subject>(target: Target<Subject>, argsOf: unknown): Mutation<Subject>['clear'] {
  if (isClearable(target)) {
    checkFunction(argsOf, 'argsOf')
    return clearOfTarget(target, argsOf as ((subject: Subject) => unknown[]) | undefined)
  }
  if (argsOf !== undefined) throw new ConfigError('`argsOf` is for a cached function or route: a ref, or a function that gives refs, has its arguments already.')
  if (target instanceof Ref) return () => clearRefs([target])
  if (typeof target === 'function') return async (subject) => clearRefs(checkedRefs(target(subject)))
  throw new ConfigError(`Expected invalidates to be given a cached function, a cached route, a ref, or a function that gives refs, got ${show(target)}.`)
}

function clearOfTarget<Subject>(target: Clearable, argsOf: ((subject: Subject) => unknown[]) | undefined): Mutation<Subject>['clear'] {
  const clear = (args: readonly unknown[]): Promise<void> => target.clear(...(args as never[]))
  if (argsOf === undefined) return () => clear([])
  return async (subject) => {
    let args: unknown[]
    try {
      args = checkedArgs(argsOf(subject))
    } catch (error) {
      // The write has happened, and which calls it touched is not known.
      report(error)
      args = []
    }
    await clear(args)
  }
}

function checkedArgs(args: unknown): unknown[] {
  if (Array.isArray(args)) return args as unknown[]
  throw new ConfigError(`Expected \`argsOf\` to give a list of arguments, such as [req.params.id], got ${show(args)}. All of the target was cleared.`)
}

function checkedRefs(refs: unknown): readonly Ref[] {
  if (Array.isArray(refs) && refs.every((ref) => ref instanceof Ref)) return refs as Ref[]
  throw new ConfigError(`Expected the function given to invalidates to give a list of refs, such as [getUser.ref(id)], got ${show(refs)}.`)
}

async function clearRefs(refs: readonly Ref[]): Promise<void> {
  await Promise.all(cachesWithRoutes().map((cache) => cache.clear(...refs)))
}

/** Holds the answer to an unsafe request until what it changed is cleared. RFC 9111 §4.4 */
export function clearBeforeAnswer<Subject>(visit: Visit<Subject>, mutation: Mutation<Subject>): void {
  if (isSafe(visit.method)) return
  visit.hold({
    before(status) {
      // RFC 9111 §4.4: a response that is no error. A failed write changed nothing.
      if (status >= 400) return undefined
      const clear = async (): Promise<void> => {
        const uris = urisToClear(visit.path, visit.query).map(uriRef)
        await Promise.all([mutation.clear(visit.subject), clearRefs(uris)])
      }
      if (mutation.again > 0) setTimeout(() => clear().catch(report), mutation.again).unref()
      return clear().then(() => 'as it is' as const, (error: unknown) => unconfirmed(mutation, error))
    },
  })
}

function unconfirmed(mutation: Mutation<never>, error: unknown): Release {
  report(error)
  if (mutation.onUnconfirmed === 'serve') return 'as it is'
  return { status: 503, body: 'The change was made, but not everything that shows it could be brought up to date yet.\n' }
}
