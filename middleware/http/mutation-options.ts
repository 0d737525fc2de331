// Knows what `invalidates` is given: what is cleared, by which arguments, and what is said of a function among them that fails.

import { checkChoice, checkFunction, checkNames, openEngines, show, toMilliseconds } from '../../src/door.ts'
import { ConfigError, isClearable, Ref } from '../../src/index.ts'
import type { Clearable, Duration } from '../../src/index.ts'
import type { GroupsOption } from './groups.ts'
import { failureOf } from './option-calls.ts'
import { checkGroups } from './option-values.ts'

/** Options of `invalidates`. */
export interface InvalidatesOptions<Subject> {
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
  /**
   * Tells caches in front of this one, RFC 9875, to drop the groups of what it clears: with true the names of its functions and
   * routes, as `groups: true` of a route names them; a function is given the refs that it clears, and the request.
   * @default false @example groups: (refs, req) => [`film ${req.params.id}`]
   */
  groups?: GroupsOption<Subject>
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
  readonly groups: GroupsOption<Subject>
}

/** Of a request that passed `cached` only: its own URI and what its answer names, nothing else. */
export const ownUri: Mutation<unknown> = { changedBy: () => [], onUnconfirmed: 'serve', again: 0, groups: false }

/** Checks the arguments of `invalidates`, of which the second may be the options. Throws a `ConfigError` for what is wrong. */
export function resolveMutation<Subject>(target: Target<Subject>, second: unknown, third: unknown): Mutation<Subject> {
  const isOptions = third === undefined && typeof second === 'object' && second !== null
  const options = (isOptions ? second : third) as InvalidatesOptions<Subject> | undefined
  if (options !== undefined) checkNames(options, ['onUnconfirmed', 'again', 'groups'], 'invalidates')
  const { onUnconfirmed = 'serve', again, groups } = options ?? {}
  return {
    changedBy: changedByOf(target, isOptions ? undefined : second),
    onUnconfirmed: checkChoice(onUnconfirmed, ['serve', 'fail'], 'onUnconfirmed'),
    again: again === undefined ? 0 : toMilliseconds(again, 'again'),
    groups: checkGroups(groups),
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
    report(failureOf('`argsOf` of invalidates', 'all of its target is cleared', error))
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

/** Tells the caches what went wrong where no one awaits it. */
export function report(error: unknown): void {
  for (const engine of openEngines()) engine.report(error)
}
