// Knows where the responses of one URI are kept where request fields select among them, and what tells the next request which fields those are.

import type { Also, Loaded } from '../../src/door.ts'
import type { Filled } from './fill.ts'
import { selected } from './route-calls.ts'
import type { Asked } from './route-calls.ts'
import { signOf } from './stored-response.ts'
import type { StoredResponse } from './stored-response.ts'
import { isSameSelection, learn } from './vary.ts'

// A sign has to outlive what it leads to; renewed where a response would be left behind.
const DAY = 24 * 60 * 60 * 1000

/**
 * What a load gives whose response was kept: the response where its call is the one that selects it. Else the response is kept under that one, the sign
 * under the primary key, and those who waited are given the sign, to look for their own. `signFor`: how long the sign that led here still lives.
 */
export function placed(asked: Asked, { loaded, selects }: Pick<Filled, 'loaded' | 'selects'>, signFor: number): Loaded<StoredResponse> {
  if (!loaded.store || (selects === undefined && asked.selection === undefined)) return loaded
  const selection = learn(asked.selection, selects ?? { fields: [], asRead: [] })
  const { ttl = 0 } = loaded
  const sign: Also<StoredResponse> = { call: asked.primary, value: signOf(selection), ttl: Math.max(DAY, 2 * ttl) }
  const isKnown = isSameSelection(asked.selection, selection)
  if (isKnown) return signFor >= ttl ? loaded : { ...loaded, also: [sign] }
  const { call } = selected(asked, selection)
  const response = { call, value: loaded.value, ttl }
  // Where the load is the primary key's own, what it stores is the sign.
  return asked.call === asked.primary
    ? { ...loaded, value: sign.value, ttl: sign.ttl, also: [response] }
    : { ...loaded, value: sign.value, store: false, also: [sign, response] }
}
