import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { watch, type DerivedProperty, type Input, type Watch } from '../../middleware/http/unkeyed.ts'
import { headersOf } from '../../middleware/http/unwatched.ts'
import { ask, serve } from '../support/http.ts'

const headers = { cookie: 'a=1', 'if-none-match': '"x"', range: 'bytes=0-1', 'x-two': ['1', '2'], 'x-request-id': 'r' }

/** What is noticed while `read` looks at a real request. */
async function noticed(
  read: (req: IncomingMessage, watch: Watch, res: ServerResponse) => unknown,
  covered: readonly Input[] = [],
  derived: (req: IncomingMessage) => DerivedProperty[] = () => [],
): Promise<{ inputs: Input[]; value: unknown }> {
  const inputs: Input[] = []
  let value: unknown
  await using server = await serve((req, res) => {
    const watching = watch(req, {
      derived: derived(req),
      places: [],
      isCovered: (input) => covered.includes(input),
      onRead: (input) => inputs.push(input),
      onAbsent: () => {},
    })
    value = read(req, watching, res)
    watching.close()
    res.end()
  })
  await ask(server.port, '/', { headers })
  return { inputs, value }
}

describe('a read of a header is noticed', () => {
  const reads: Readonly<Record<string, [read: (req: IncomingMessage) => unknown, inputs: Input[], value: unknown]>> = {
    'that is there': [(req) => req.headers.cookie, ['cookie'], 'a=1'],
    'that is not there': [(req) => req.headers['x-none'], ['x-none'], undefined],
    'by destructuring': [({ headers: { cookie } }) => cookie, ['cookie'], 'a=1'],
    'by `in`': [(req) => 'cookie' in req.headers, ['cookie'], true],
    'by hasOwn': [(req) => Object.hasOwn(req.headers, 'cookie'), ['cookie'], true],
    'by its lines': [(req) => req.headersDistinct['x-two'], ['x-two'], ['1', '2']],
    'by a name that objects have': [(req) => typeof req.headers.toString, [], 'function'],
    'by a name that no header has': [(req) => req.headers['Cookie'], [], undefined],
    'that says how the message travels': [(req) => [req.headers['content-length'], req.headers['x-request-id']], [], [undefined, 'r']],
    'that was written meanwhile': [(req) => ((req.headers['x-set'] = '1'), req.rawHeaders.includes('cookie')), ['headers'], true],
    'by its names': [(req) => Object.keys(req.headers).includes('cookie'), ['headers'], true],
  }
  for (const [name, [read, inputs, value]] of Object.entries(reads)) {
    test(name, async () => {
      const found = await noticed(read)
      expect(found.value).toEqual(value)
      expect(
        found.inputs.filter((input, at, all) => all.indexOf(input) === at && (inputs.includes(input) || !inputs.includes('headers'))),
      ).toEqual(inputs)
    })
  }

  test('unless it is covered', async () => {
    expect(await noticed((req) => [req.headers.cookie, req.headers.host], ['cookie'])).toMatchObject({ inputs: ['host'] })
  })
})

test('conditions and ranges are not there while the handler runs, and there again after', async () => {
  const seen: unknown[] = []
  const look = (req: IncomingMessage): void => {
    seen.push(
      req.headers['if-none-match'],
      'range' in req.headers,
      Object.keys(req.headers).includes('range'),
      req.headersDistinct['range'],
    )
  }
  await noticed((req, watching) => {
    look(req)
    watching.close()
    look(req)
  })
  expect(seen).toEqual([undefined, false, false, undefined, '"x"', true, true, ['bytes=0-1']])
})

test('what is run unwatched, or while it pauses, is not noticed and sees all', async () => {
  const { inputs, value } = await noticed((req, watching) => {
    const unwatched = watching.unwatched(() => [req.headers.cookie, req.headers.range])
    const goOn = watching.pause()
    const paused = req.headers.authorization
    goOn()
    return [unwatched, paused, req.headers.host?.startsWith('127')]
  })
  expect({ inputs, value }).toEqual({ inputs: ['host'], value: [['a=1', 'bytes=0-1'], undefined, true] })
})

test('what a closed watch is asked for is no longer noticed', async () => {
  const { inputs } = await noticed((req, watching) => {
    const { headers } = req
    watching.close()
    return [headers.cookie, req.headers.cookie]
  })
  expect(inputs).toEqual([])
})

describe('a property that is computed', () => {
  const derived = (req: IncomingMessage): DerivedProperty[] => {
    Object.defineProperty(req, 'host', {
      configurable: true,
      get: () => String(req.headers['x-forwarded-host'] ?? req.headers.host).split(':')[0],
    })
    Object.assign(req, { cookies: { a: '1' } })
    return [
      { target: req, name: 'host', inputs: ['host'] },
      { target: req, name: 'cookies', inputs: ['cookie'] },
    ]
  }

  test('is noticed by what it is said to be computed from, and has its value', async () => {
    const read = (req: IncomingMessage): unknown => [(req as never as { host: string }).host, (req as never as { cookies: object }).cookies]
    expect(await noticed(read, [], derived)).toEqual({ inputs: ['host', 'cookie'], value: ['127.0.0.1', { a: '1' }] })
    expect(await noticed(read, ['host', 'cookie'], derived)).toMatchObject({ inputs: [] })
  })

  test('is what is written to it, which nobody else wrote', async () => {
    const read = (req: IncomingMessage, watching: Watch): unknown => {
      Object.assign(req, { cookies: { b: '2' } })
      const during = (req as never as { cookies: object }).cookies
      watching.close()
      return [during, (req as never as { cookies: object }).cookies]
    }
    expect(await noticed(read, [], derived)).toEqual({ inputs: [], value: [{ b: '2' }, { b: '2' }] })
  })
})

test('a watch inside a watch notices both, and gives back what was there', async () => {
  const outer: Input[] = []
  const { inputs, value } = await noticed((req) => {
    const inner = watch(req, { derived: [], places: [], isCovered: () => false, onRead: (input) => outer.push(input), onAbsent: () => {} })
    const during = [req.headers.cookie, headersOf(req).cookie, headersOf(req).range]
    inner.close()
    return [during, req.headers.host !== undefined]
  })
  expect({ inputs: [...new Set(inputs)], outer, value }).toEqual({
    inputs: ['cookie', 'host'],
    outer: ['cookie'],
    value: [['a=1', 'a=1', undefined], true],
  })
})

test('the connection that a response has is no client of a layer, where its request is watched from further outside too', async () => {
  const inner: Input[] = []
  const { inputs } = await noticed((req, _watching, res) => {
    const onRead = (input: Input) => inner.push(input)
    const watching = watch(req, { res, derived: [], places: [], isCovered: () => false, onRead, onAbsent: () => {} })
    void res.socket?.writable
    expect(inner).toEqual([])
    void res.socket?.remoteAddress
    watching.close()
  })
  expect({ inner, inputs }).toEqual({ inner: ['ip'], inputs: ['ip'] })
})
