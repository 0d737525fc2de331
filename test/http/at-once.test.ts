// A response that is sent at once is the one that `replay` sends, and who has a hand in it gets that.
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { AtOnce } from '../../middleware/http/at-once.ts'
import { replay, type ReplayOptions, type ReplayRequest } from '../../middleware/http/replay.ts'
import type { StoredField, StoredResponse } from '../../middleware/http/stored-response.ts'
import { ask, serve, type Reply } from '../support/http.ts'

const FIELDS: readonly StoredField[] = [
  ['Content-Type', 'text/plain'],
  ['ETag', 'W/"1"'],
  ['Date', 'Mon, 01 Jan 2024 00:00:00 GMT'],
]
const stored: StoredResponse = { status: 200, statusMessage: '', fields: FIELDS, removed: [], body: Buffer.from('abc') }

interface Case extends Partial<Omit<StoredResponse, 'fields'>> {
  /** Besides those that all have. */
  readonly fields?: readonly StoredField[]
  readonly request?: Partial<ReplayRequest>
  readonly options?: Pick<ReplayOptions, 'outcome'>
  readonly outer?: (res: ServerResponse) => void
}

/** What comes of a case, and whether it was sent at once. */
async function sent(
  { fields = [], request = {}, options, outer, body = stored.body, ...given }: Case,
  way: 'at once' | 'replayed',
): Promise<[Reply, boolean]> {
  const response = { ...stored, ...given, body, fields: [...FIELDS, ['Content-Length', `${body.byteLength}`], ...fields] as const }
  const asked: ReplayRequest = { method: 'GET', fields: {}, ...request }
  const all: ReplayOptions & { readonly age: number } = { age: 1500, now: Date.now, outcome: { hit: true, freshFor: 2500 }, ...options }
  const atOnce = new AtOnce(response)
  let isAtOnce = false
  const listener = (_req: unknown, res: ServerResponse): void => {
    outer?.(res)
    isAtOnce = way === 'at once' && atOnce.send(res, asked, all)
    if (!isAtOnce) replay(res, response, asked, all)
  }
  await using server = await serve(listener, { rejectNonStandardBodyWrites: true })
  return [await ask(server.port, '/', { method: asked.method }), isAtOnce]
}

function shown({ status, message, headers, text }: Reply): unknown {
  return { status, message, headers, text }
}

describe('is sent at once, and as `replay` sends it:', () => {
  const cases: Readonly<Record<string, Case>> = {
    'a response': {},
    'one to a HEAD': { request: { method: 'HEAD' } },
    'one with a field of several lines': { fields: [['Link', ['<a>', '<b>']]] },
    'one that varies': { fields: [['Vary', 'accept ,  Origin']] },
    'one with an age that it came with': { fields: [['Age', '10']] },
    'one that went through other caches': { fields: [['Cache-Status', 'Other;hit']] },
    'one of them that this cache says nothing of': { fields: [['Cache-Status', 'Other;hit']], options: { outcome: undefined } },
    'one of another status, with a message of its own': { status: 404, statusMessage: 'Nowhere' },
    'one without content': { body: Buffer.alloc(0) },
    'one with a field that no response may have': { fields: [['X-Broken', 'a\nb']] },
    'one with its key': { options: { outcome: { hit: true, freshFor: 1, key: 'k' } } },
  }
  for (const [name, given] of Object.entries(cases)) {
    test(name, async () => {
      const [reply, isAtOnce] = await sent(given, 'at once')
      expect(isAtOnce).toBe(true)
      expect(shown(reply)).toEqual(shown((await sent(given, 'replayed'))[0]))
    })
  }
})

describe('is left to `replay`:', () => {
  const cases: Readonly<Record<string, [given: Case, expected: Partial<Reply>]>> = {
    'what a client has already': [{ request: { fields: { 'if-none-match': 'W/"1"' } } }, { status: 304 }],
    'what may be older than what a client has': [
      { request: { fields: { 'if-modified-since': 'Mon, 01 Jan 2024 00:00:01 GMT' } } },
      { status: 304 },
    ],
    'a part': [{ request: { fields: { range: 'bytes=0-0' } } }, { status: 206, text: 'a' }],
    'one whose length Node.js counts': [{ fields: [['Content-Disposition', 'attachment; filename="é"']] }, { status: 200 }],
    'one on which somebody has put a field': [{ outer: (res) => void res.setHeader('x-outer', '1') }, { text: 'abc' }],
    'one whose head somebody waits for': [{ outer: (res) => Object.assign(res, { writeHead: res.writeHead.bind(res) }) }, { text: 'abc' }],
    'one whose fields somebody hears of': [{ outer: (res) => Object.assign(res, { setHeader: res.setHeader.bind(res) }) }, { text: 'abc' }],
  }
  for (const [name, [given, expected]] of Object.entries(cases)) {
    test(name, async () => {
      const [reply, isAtOnce] = await sent(given, 'at once')
      expect({ isAtOnce, ...reply }).toMatchObject({ isAtOnce: false, ...expected })
    })
  }

  for (const event of ['finish', 'close']) {
    test(`one for whose ${event} somebody waits, who finds its fields there`, async () => {
      const found: unknown[] = []
      const outer = (res: ServerResponse): unknown => res.on(event, () => found.push(res.getHeader('content-type'), res.getHeader('age')))
      await sent({ outer }, 'at once')
      expect(found).toEqual(['text/plain', '1'])
    })
  }
})
