// Knows what a successful write clears before its client hears of it, and what becomes of its answer when that is not confirmed.

import { groupRef, openEngines, uriRef } from '../../src/door.ts'
import type { ConfigError, Ref } from '../../src/index.ts'
import { groupsIn, groupsOf, invalidationField, MANY } from './groups.ts'
import type { GroupsOption } from './groups.ts'
import { isGone } from './client.ts'
import type { Release } from './hold.ts'
import { report } from './mutation-options.ts'
import { failureOf } from './option-calls.ts'
import type { Mutation } from './mutation-options.ts'
import { isSafe } from './storable.ts'
import { namedUris, urisToClear } from './uri.ts'
import type { Visit } from './visit.ts'

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
  // One that is opened later holds nothing from before.
  const engines = new WeakSet(openEngines())
  visit.hold({
    before(status) {
      // RFC 9111 §4.4: a response that is no error. A failed write changed nothing.
      if (status >= 400) return undefined
      const cleared = clearChanged(visit, mutation, own, clearing, openEngines)
      return cleared.then(
        () => 'as it is',
        (error: unknown) => unconfirmed(mutation, error),
      )
    },
    onUnheard: () =>
      void clearChanged(
        visit,
        mutation,
        own,
        (clear) => clear(),
        () => openEngines().filter((engine) => engines.has(engine)),
      ).catch(report),
  })
}

async function clearChanged<Subject>(
  visit: Visit<Subject>,
  mutation: Mutation<Subject>,
  own: readonly string[],
  clearing: Clearing,
  engines: typeof openEngines,
): Promise<void> {
  const answer = visit.res.getHeaders()
  const { changed, failure } = changedOf(visit, mutation)
  // RFC 9111 §4.4
  const uris = new Set([...own, ...namedUris(answer, { origin: visit.origin(), path: visit.path })])
  // RFC 9875 §3
  const groups = told.has(visit.res) ? [] : groupsIn(answer, 'cache-group-invalidation')
  const refs = [...changed, ...Array.from(uris, uriRef), ...groups.map(groupRef)]
  if (!isGone(visit.res)) tell(visit, mutation, changed)
  // As one, so that no process hears of the URI first and makes the response anew of what it has not yet heard of. A URI is no one cache's.
  const isOf = (engine: object) => (ref: Ref) => ref.origin?.owner === undefined || ref.origin.owner === engine
  const clear = async (): Promise<void> => {
    await Promise.all(engines().map((engine) => engine.record('clear', () => refs.filter(isOf(engine)))))
  }
  if (mutation.again > 0) setTimeout(() => void clear().catch(report), mutation.again).unref()
  await clearing(clear)
  // What is not known to be cleared is not confirmed.
  if (failure !== undefined) throw failure
}

/** What the request changed, as far as that can be said: its URI is cleared in any case. */
function changedOf<Subject>({ subject }: Visit<Subject>, mutation: Mutation<Subject>): Changed {
  try {
    return { changed: mutation.changedBy(subject) }
  } catch (error) {
    return { changed: [], failure: failureOf('The function given to invalidates', 'what it would have named is not cleared', error) }
  }
}

interface Changed {
  readonly changed: readonly Ref[]
  readonly failure?: ConfigError
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
    report(failureOf('`groups` of invalidates', 'only the group of all is named', error))
    return [MANY]
  }
}

function unconfirmed(mutation: Mutation<never>, error: unknown): Release {
  report(error)
  if (mutation.onUnconfirmed === 'serve') return 'as it is'
  return { status: 503, body: 'The change was made, but not all that shows it could be brought up to date yet.\n' }
}
