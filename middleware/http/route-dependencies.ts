// Knows what a route's response depends on besides what its handler calls, and what groups that puts it into.

import { uriRef } from '../../src/door.ts'
import type { Engine } from '../../src/door.ts'
import { ConfigError } from '../../src/index.ts'
import type { Ref } from '../../src/index.ts'
import type { Fields } from './fields.ts'
import { groupFields, groupsOf, MANY } from './groups.ts'
import { refs, told } from './option-calls.ts'
import type { ResolvedOptions } from './resolved-options.ts'
import type { RouteCalls } from './route-calls.ts'
import { anyQueryUri, normalisedUri } from './uri.ts'
import type { Visit } from './visit.ts'

/** A load as far as is known what it was computed from. */
interface Reading {
  readonly calls: { readonly name: string }
  readonly frame: { readonly refs: Iterable<Ref> }
}

/** The dependencies of one route's responses. */
export class RouteDependencies<Subject> {
  readonly #engine: Engine
  readonly #options: Pick<ResolvedOptions<Subject>, 'dependsOn' | 'query' | 'groups' | 'groupFields'>
  readonly #calls: RouteCalls<Subject>

  constructor(
    engine: Engine,
    options: Pick<ResolvedOptions<Subject>, 'dependsOn' | 'query' | 'groups' | 'groupFields'>,
    calls: RouteCalls<Subject>,
  ) {
    this.#engine = engine
    this.#options = options
    this.#calls = calls
  }

  /** The URI of a request, and what is declared. Undefined where that cannot be known. */
  of(visit: Visit<Subject>, route: string): readonly Ref[] | undefined {
    const { dependsOn } = this.#options
    try {
      const declared = dependsOn === undefined ? [] : told(route, 'dependsOn', () => dependsOn(visit.subject), refs)
      this.#calls.noteDeclared(declared)
      return [this.uriOf(visit), ...declared]
    } catch (error) {
      this.#engine.report(error)
      return undefined
    }
  }

  /** What a write to the URI of a request clears. */
  uriOf({ path, query }: Visit<Subject>): Ref {
    return uriRef(this.#options.query === true ? normalisedUri(path, query) : anyQueryUri(path))
  }

  /** The fields that name the groups of a response, as far as is known what it was computed from. Never throws. */
  groupFields({ subject }: Visit<Subject>, { frame, calls }: Reading, before: Fields): Readonly<Record<string, string>> {
    const { groups, groupFields: asked } = this.#options
    if (groups === false) return {}
    try {
      return groupFields(groupsOf(frame.refs, subject, groups), asked, before)
    } catch (error) {
      this.#engine.report(new ConfigError(`\`groups\` of the route "${calls.name}" failed: its response is in the group of all.`, error))
      return groupFields([MANY], asked, before)
    }
  }
}
