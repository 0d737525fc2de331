// Values that can be read once: each caller gets its own, nothing of them is stored, and onError is told what to return instead.
import { createReadStream } from 'node:fs'
import { Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import type { CacheError } from '../src/errors.ts'
import { isReadOnce } from '../src/read-once.ts'
import { newClock } from './support/clock.ts'
import { newGate } from './support/gate.ts'

async function* lines(): AsyncGenerator<string> {
  yield 'a'
}
function* numbers(): Generator<number> {
  yield 1
}

describe('a value that can be read once', () => {
  test.each<[string, () => unknown]>([
    ['a stream', () => Readable.from(['a'])],
    ['a file', () => createReadStream(import.meta.filename)],
    ['a web stream', () => new Blob(['a']).stream()],
    ['a response', () => new Response('a')],
    ['a request', () => new Request('http://localhost', { method: 'POST', body: 'a' })],
    ['a generator', numbers],
    ['an asynchronous generator', lines],
    ['an iterator', () => new Map().entries()],
  ])('is %s', (_, make) => expect(isReadOnce(make())).toBe(true))

  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a text', 'next'],
    ['an array', ['a']],
    ['a map', new Map([['next', 1]])],
    ['bytes', Buffer.from('a')],
    ['a blob, which is read as often as one likes', new Blob(['a'])],
    ['a list that links to its next', { value: 1, next: () => undefined }],
    ['data with such names', { next: 1, pipe: 'x', read: true, getReader: null, bodyUsed: false }],
    ['what can be piped and not read, such as an observable', { pipe: () => 1, subscribe: () => 1 }],
    ['what is made anew by each who iterates it', { [Symbol.asyncIterator]: lines }],
    ['a connection', new Socket()],
    ['a stream with two ends', new PassThrough()],
    ['a function', numbers],
  ])('is not %s', (_, value) => expect(isReadOnce(value)).toBe(false))
})

describe('of a cached function', () => {
  let errors: CacheError[]
  let cache: Cache
  beforeEach(() => {
    errors = []
    cache = openCache({ redis: false, onError: (error) => void errors.push(error) }, newClock().now)
  })

  const told = (name: string, what: string) => ({
    code: 'CODEC',
    message: `The value of "${name}" is an instance of ${what}, which can be read only once: return what was read from it. It reaches its caller and is not stored.`,
  })

  test('is nothing that cannot be asked whether it is one: its callers get it', async () => {
    const broken = (): never => {
      throw new Error('asked')
    }
    const values = [
      Object.defineProperty({}, 'pipe', { get: broken }),
      Object.defineProperty({}, 'next', { get: broken }),
      new Proxy({}, { has: broken }),
    ]
    for (const [at, value] of values.entries()) {
      const read = cache.memoize(async () => value, { name: `row ${at}` })
      expect((await read()) === value).toBe(true)
    }
  })

  test('is read by each caller, also by those who have come together', async () => {
    const gate = newGate()
    let loads = 0
    const open = async (id: string): Promise<Readable> => {
      loads++
      await gate.wait()
      return Readable.from([`file ${id}`])
    }
    const read = cache.memoize(open, { name: 'file' })
    const first = read('1')
    await gate.reached()
    const others = [read('1'), read('1'), read.many([['1']]).then(([stream]) => stream!)]
    gate.open()
    const streams = await Promise.all([first, ...others, read('1')])
    expect(await Promise.all(streams.map((stream) => text(stream)))).toEqual(Array.from({ length: 5 }, () => 'file 1'))
    expect([loads, await read.count(), await read.peek('1')]).toEqual([5, 0, undefined])
    expect(errors).toMatchObject(Array.from({ length: 5 }, () => told('file', 'Readable')))
  })

  test('is refused by whatever codec, however callers are kept from changing it, and neither frozen nor copied', async () => {
    for (const options of [{ codec: 'reference' }, { isolate: 'freeze' }, { isolate: 'copy' }] as const) {
      const read = cache.memoize(async () => new Response('body'), { name: `page ${JSON.stringify(options)}`, ...options })
      expect([await (await read()).text(), await (await read()).text()]).toEqual(['body', 'body'])
      expect(errors.splice(0)).toMatchObject([told(read.cacheName, 'Response'), { code: 'CODEC' }])
    }
  })

  test('of a synchronous function and of a getter too', async () => {
    const each = cache.memoizeSync(() => numbers(), { name: 'each' })
    expect([Array.from(each()), Array.from(each())]).toEqual([[1], [1]])
    class Config {
      @cache.getter({ name: 'lines' })
      get lines(): Promise<Readable> {
        return Promise.resolve(Readable.from(['a']))
      }
    }
    const config = new Config()
    const streams = await Promise.all([config.lines, config.lines, config.lines])
    expect(await Promise.all(streams.map((stream) => text(stream)))).toEqual(['a', 'a', 'a'])
    expect(errors).toMatchObject([told('each', 'Generator'), told('each', 'Generator'), ...streams.map(() => told('lines', 'Readable'))])
  })

  test('is nothing to tell of where nothing is kept', async () => {
    const read = cache.memoize(async () => Readable.from(['a']), { name: 'file', ttl: 0 })
    const streams = await Promise.all([read(), read()])
    expect([await Promise.all(streams.map((stream) => text(stream))), errors]).toEqual([['a', 'a'], []])
  })
})
