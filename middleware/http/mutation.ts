// Knows what a successful write clears before its client hears of it, and what becomes of its answer when that is not confirmed.

import { checkChoice, checkFunction, checkNames, groupRef, openEngines, show, toMilliseconds, uriRef } from '../../src/door.ts'
import { ConfigError, isClearable, Ref } from '../../src/index.ts'
import type { Clearable, Duration } from '../../src/index.ts'
import { groupsIn, groupsOf, invalidationField, MANY } from './groups.ts'
import type { GroupsOption } from './groups.ts'
import type { Release } from './hold.ts'
import { checkGroups } from './option-values.ts'
import { isSafe } from './storable.ts'
import { namedUris, urisToClear } from './uri.ts'
import type { Visit } from './visit.ts'

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

/** Makes a clear, which `clear` records before it returns. */
type Clearing = (clear: () => Promise<void>) => Promise<void>

/** Holds the answer to an unsafe request until what it changed is cleared, by `clearing`. */
export function clearBeforeAnswer<Subject>(
  visit: Visit<Subject>,
  mutation: Mutation<Subject>,
  clearing: Clearing = (clear) => clear(),
): void {
  if (isSafe(visit.method)) return
  // Now, since a handler may change what it was asked.
  const own = urisToClear(visit.path, visit.query)
  visit.hold({
    before(status) {
      // RFC 9111 §4.4: a response that is no error. A failed write changed nothing.
      if (status >= 400) return undefined
      const cleared = clearChanged(visit, mutation, own, clearing)
      return cleared.then(
        () => 'as it is',
        (error: unknown) => unconfirmed(mutation, error),
      )
    },
  })
}

async function clearChanged<Subject>(
  visit: Visit<Subject>,
  mutation: Mutation<Subject>,
  own: readonly string[],
  clearing: Clearing,
): Promise<void> {
  const answer = visit.res.getHeaders()
  const { changed, failure } = changedOf(visit, mutation)
  // RFC 9111 §4.4
  const uris = new Set([...own, ...namedUris(answer, { origin: visit.origin(), path: visit.path })])
  // RFC 9875 §3
  const groups = told.has(visit.res) ? [] : groupsIn(answer, 'cache-group-invalidation')
  const refs = [...changed, ...Array.from(uris, uriRef), ...groups.map(groupRef)]
  tell(visit, mutation, changed)
  // As one, so that no process hears of the URI first and makes the response anew of what it has not yet heard of. A URI is no one cache's.
  const isOf = (engine: object) => (ref: Ref) => ref.origin?.owner === undefined || ref.origin.owner === engine
  const clear = async (): Promise<void> => {
    await Promise.all(openEngines().map((engine) => engine.record('clear', () => refs.filter(isOf(engine)))))
  }
  if (mutation.again > 0) setTimeout(() => void clear().catch(report), mutation.again).unref()
  await clearing(clear)
  // What is not known to be cleared is not confirmed.
  if (failure !== undefined) throw failure.error
}

/** What the request changed, as far as that can be said: its URI is cleared in any case. */
function changedOf<Subject>({ subject }: Visit<Subject>, mutation: Mutation<Subject>): Changed {
  try {
    return { changed: mutation.changedBy(subject) }
  } catch (error) {
    return { changed: [], failure: { error } }
  }
}

interface Changed {
  readonly changed: readonly Ref[]
  readonly failure?: { readonly error: unknown }
}

// Whose answers name groups for caches in front, which are no handler's word to this one.
const told = new WeakSet<object>()

function tell<Subject>({ res, subject }: Visit<Subject>, { groups }: Mutation<Subject>, changed: readonly Ref[]): void {
  if (groups === false) return
  const before = res.getHeaders()
  const field = invalidationField(namesOf(changed, subject, groups), before)
  if (field === undefined) return
  told.add(res)
  res.setHeader('Cache-Group-Invalidation', field)
}

function namesOf<Subject>(changed: readonly Ref[], subject: Subject, groups: GroupsOption<Subject>): readonly string[] {
  try {
    return groupsOf(changed, subject, groups)
  } catch (error) {
    report(error)
    return [MANY]
  }
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
