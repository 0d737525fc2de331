// Where what a load gives is kept, by what selected its request and by what selects its response.
import { expect, onTestFinished, test } from 'vitest'
import { selected, type Asked } from '../../middleware/http/route-calls.ts'
import { signOf, storedResponseCodec, type StoredResponse } from '../../middleware/http/stored-response.ts'
import { placed, signAgain } from '../../middleware/http/variants.ts'
import { selectionOf, type Selection } from '../../middleware/http/vary.ts'
import { engineOf, openCache } from '../../src/cache.ts'
import { Calls } from '../../src/calls.ts'
import type { Loaded } from '../../src/door.ts'
import { Entry } from '../../src/entry.ts'
import { keyOf } from '../../src/key.ts'

const DAY = 24 * 60 * 60 * 1000
const response: StoredResponse = { status: 200, statusMessage: '', fields: [], removed: [], body: Buffer.from('a') }
const kept: Loaded<StoredResponse> = { value: response, store: true, share: true, ttl: 1000 }
const size: Selection = selectionOf(['x-size'], [])!
const both: Selection = selectionOf(['x-lang', 'x-size'], [])!

function newAsked(): Asked {
  const cache = openCache({ redis: false }, () => 0)
  onTestFinished(() => cache.close())
  const calls = new Calls<StoredResponse>(engineOf(cache), {
    name: 'page',
    ttl: 1000,
    limit: 10,
    limitInRedis: undefined,
    staleWhileRevalidate: 0,
    staleIfError: 0,
    place: 'memory',
    codec: storedResponseCodec,
    declaredFor: () => [],
  })
  const args = { params: {}, query: {} }
  const primary = calls.call([args], keyOf([args]))
  return { calls, call: primary, primary, args, fields: { 'x-size': 's', 'x-lang': 'de' }, partitioned: false }
}

test('a response that nothing selects is kept as it is asked for', () => {
  const asked = newAsked()
  expect(placed(asked, { loaded: kept }, 0)).toBe(kept)
  const refused = { ...kept, store: false }
  expect(placed(asked, { loaded: refused, selects: size }, 0)).toBe(refused)
})

test('the first that something selects leaves a sign in its place, which lives longer', () => {
  const asked = newAsked()
  expect(placed(asked, { loaded: kept, selects: size }, 0)).toEqual({
    ...kept,
    value: signOf(size),
    ttl: 1000 + DAY,
    also: [{ call: selected(asked, size).call, value: response, ttl: 1000 }],
  })
  const long = { ...kept, ttl: 3 * DAY }
  expect(placed(asked, { loaded: long, selects: size }, 0)).toMatchObject({ ttl: 4 * DAY, also: [{ ttl: 3 * DAY }] })
  expect(placed(asked, { loaded: { ...kept, ttl: Infinity }, selects: size }, 0)).toMatchObject({ ttl: Infinity })
})

test('a sign lives and is kept for as long as what it leads to may be served stale', () => {
  const asked = newAsked()
  const stale = { whileRevalidate: 1, ifError: 5 * DAY, kept: 2 * DAY }
  const loaded = { ...kept, value: { ...response, stale } }
  const sign = placed(asked, { loaded, selects: size }, 0)
  expect(sign).toMatchObject({ ttl: 6 * DAY + 1000, value: { status: 0, stale: { whileRevalidate: 0, ifError: 0, kept: 5 * DAY } } })
  const known = selected(asked, size)
  expect(placed(known, { loaded, selects: size }, 5 * DAY + 1000)).toBe(loaded)
  expect(placed(known, { loaded, selects: size }, 5 * DAY + 999)).toMatchObject({ also: [{ call: asked.primary, value: sign.value }] })
})

test('a sign past its freshness still says what selects, and a response past its own does not', () => {
  const asked = newAsked()
  const entryOf = (value: StoredResponse): Entry<StoredResponse> =>
    new Entry({
      label: asked.primary.label,
      isOfString: asked.primary.isOfString,
      value,
      own: asked.primary.ref,
      read: [],
      order: 1,
      checked: 0,
      loadedAt: 0,
      freshUntil: 0,
      cost: 0,
      bytes: 0,
      trustFrom: 0,
    })
  const sign = signOf(size, 1000)
  expect(signAgain(asked, entryOf(sign))).toEqual({ value: sign, store: true, share: true, ttl: DAY })
  expect(signAgain(asked, entryOf(response))).toBeUndefined()
  expect(signAgain(selected(asked, size), entryOf(sign))).toBeUndefined()
  expect(signAgain(asked, undefined)).toBeUndefined()
})

test('one that is selected as is known is kept as it is asked for, and renews a sign that it would outlive', () => {
  const asked = selected(newAsked(), size)
  for (const selects of [size, undefined]) expect(placed(asked, { loaded: kept, selects }, 1000)).toBe(kept)
  expect(placed(asked, { loaded: kept, selects: size }, 999)).toEqual({
    ...kept,
    also: [{ call: asked.primary, value: signOf(size), ttl: 1000 + DAY }],
  })
})

test('one that more selects than was known is kept under all of it, and who waited is told so', () => {
  const asked = selected(newAsked(), size)
  expect(placed(asked, { loaded: kept, selects: selectionOf(['x-lang'], []) }, DAY)).toEqual({
    ...kept,
    value: signOf(both),
    store: false,
    also: [
      { call: asked.primary, value: signOf(both), ttl: 1000 + DAY },
      { call: selected(asked, both).call, value: response, ttl: 1000 },
    ],
  })
})
