// Knows where the responses of one URI are kept where request fields select among them, and what tells the next request which fields those are.

import { longestOf } from '../../src/door.ts'
import type { Also, Entry, Loaded } from '../../src/door.ts'
import type { Filled } from './filled.ts'
import { selected } from './route-calls.ts'
import type { Asked } from './route-calls.ts'
import { signOf } from './stored-response.ts'
import type { StoredResponse } from './stored-response.ts'
import { isSameSelection, learn } from './vary.ts'

// A sign has to outlive what it leads to, by so much that it is not renewed with each response.
const DAY = 24 * 60 * 60 * 1000

/**
 * What a load gives whose response was kept: the response where its call is the one that selects it. Else the response is kept under that one, the sign
 * under the primary key, and those who waited are given the sign, to look for their own. `signFor`: how long the sign that led here still lives.
 */
export function placed(asked: Asked, { loaded, selects }: Pick<Filled, 'loaded' | 'selects'>, signFor: number): Loaded<StoredResponse> {
  if (!loaded.store || (selects === undefined && asked.selection === undefined)) return loaded
  const selection = learn(asked.selection, selects ?? { fields: [], asRead: [] })
  const { ttl = 0 } = loaded
  const pastFreshness = loaded.value.stale === undefined ? 0 : longestOf(loaded.value.stale)
  const sign: Also<StoredResponse> = { call: asked.primary, value: signOf(selection, pastFreshness), ttl: ttl + pastFreshness + DAY }
  const isKnown = isSameSelection(asked.selection, selection)
  if (isKnown) return signFor >= ttl + pastFreshness ? loaded : { ...loaded, also: [sign] }
  const { call } = selected(asked, selection)
  const response = { call, value: loaded.value, ttl }
  // Where the load is the primary key's own, what it stores is the sign.
  return asked.call === asked.primary
    ? { ...loaded, value: sign.value, ttl: sign.ttl, also: [response] }
    : { ...loaded, value: sign.value, store: false, also: [sign, response] }
}

/** What a load of a primary key gives that has found a sign past its freshness: what selects is no older for that. Undefined for any other. */
export function signAgain({ call, primary }: Asked, found: Entry<StoredResponse> | undefined): Loaded<StoredResponse> | undefined {
  const isSign = found !== undefined && found.value.selection !== undefined && call === primary
  return isSign ? { value: found.value, store: true, share: true, ttl: DAY } : undefined
}
