import { beforeEach, describe, expect, test } from 'vitest'
import { openCache, type Cache } from '../src/cache.ts'
import { any } from '../src/key.ts'
import type { Ref } from '../src/ref.ts'
import { newClock } from './support/clock.ts'

let cache: Cache

beforeEach(() => {
  cache = openCache({ redis: false }, newClock().now)
})

/** How often each call of a function was loaded since it was last asked. */
function newCounter() {
  const loads: string[] = []
  return {
    ran: (call: string): string => {
      loads.push(call)
      return call
    },
    taken: (): string[] => loads.splice(0).toSorted(),
  }
}

describe('a clear takes what its ref covers, what was computed from that, and nothing else', () => {
  interface Posts {
    author?: string
    page?: number
    filter?: { tag?: string; year?: number }
  }
  const calls: Posts[] = [
    { author: 'a', page: 1 },
    { author: 'a', page: 2 },
    { author: 'b', page: 1, filter: { tag: 'x', year: 2020 } },
    { author: 'b', page: 1, filter: { tag: 'x', year: 2021 } },
    { author: 'b', filter: { tag: 'y' } },
    {},
  ]
  const refs: [of: string, args: unknown[], calls: number[]][] = [
    ['the whole function', [], [0, 1, 2, 3, 4, 5]],
    ['one property', [{ author: 'a' }], [0, 1]],
    ['two properties', [{ author: 'b', page: 1 }], [2, 3]],
    ['a property of a property', [{ filter: { tag: 'x' } }], [2, 3]],
    ['properties at two depths', [{ author: 'b', filter: { year: 2021 } }], [3]],
    ['a property that is there', [{ filter: {} }], [2, 3, 4]],
    ['a property of any value', [{ page: any, author: 'b' }], [2, 3, 4]],
    ['an object', [{}], [0, 1, 2, 3, 4, 5]],
    ['a second argument', [any, 'new'], []],
    ['a second argument that is undefined, which a missing one is too', [any, undefined], [0, 1, 2, 3, 4, 5]],
    ['another value', [{ author: 'c' }], []],
    ['another type', [{ page: '1' }], []],
  ]

  test.each(refs)('%s', async (_, args, expected) => {
    const { ran, taken } = newCounter()
    const list = cache.memoize(async (posts: Posts, sort = 'old') => ran(`posts ${calls.indexOf(posts)} ${sort}`), { name: 'posts' })
    const page = cache.memoize(async (index: number) => [ran(`page ${index}`), await list(calls[index]!)], { name: 'page' })
    const readAll = async (): Promise<void> => {
      for (const index of calls.keys()) await page(index)
    }
    await readAll()
    taken()
    await cache.clear(cache.ref('post', ...args), cache.ref('posts', ...args))
    await readAll()
    expect(taken()).toEqual(expected.flatMap((index) => [`page ${index}`, `posts ${index} old`]).toSorted())
  })

  test('the function itself clears by the same arguments', async () => {
    const { ran, taken } = newCounter()
    const list = cache.memoize(async (author: string, page: number) => ran(`${author} ${page}`), { name: 'posts' })
    const readAll = async (): Promise<string[]> => {
      for (const author of ['a', 'b']) for (const page of [1, 2]) await list(author, page)
      return taken()
    }
    await readAll()
    await list.clear('a')
    expect(await readAll()).toEqual(['a 1', 'a 2'])
    await list.clear(any, 2)
    expect(await readAll()).toEqual(['a 2', 'b 2'])
    await cache.clear(list.ref('a', 1), list.ref('b', 2))
    expect(await readAll()).toEqual(['a 1', 'b 2'])
    await list.clear()
    expect(await readAll()).toEqual(['a 1', 'a 2', 'b 1', 'b 2'])
  })

  test('an undefined that is written is a value: it never clears everything by accident', async () => {
    const { ran, taken } = newCounter()
    const read = cache.memoize(async (id?: string) => ran(String(id)), { name: 'row' })
    const readAll = async (): Promise<string[]> => {
      for (const id of ['1', undefined]) await read(id)
      await read()
      return taken()
    }
    expect(await readAll()).toEqual(['1', 'undefined'])
    await read.clear(undefined)
    expect(await readAll()).toEqual(['undefined'])
  })

  test('a call whose key is a digest is cleared by a part of its arguments, as they were when it was made', async () => {
    const { ran, taken } = newCounter()
    const find = cache.memoize(async (posts: { page: number; text: string }) => ran(String(posts.page)), { name: 'find' })
    const first = { page: 1, text: 'x'.repeat(300) }
    const loading = find(first)
    first.page = 2
    await loading
    await find({ ...first, page: 3 })
    await find.clear({ page: 2 })
    await find({ ...first, page: 1 })
    expect(taken()).toEqual(['1', '3'])
    await find.clear({ page: 1 })
    await find({ ...first, page: 1 })
    await find({ ...first, page: 3 })
    expect(taken()).toEqual(['1'])
  })

  test('where `key` chooses the arguments, refs are made of what it chose', async () => {
    const { ran, taken } = newCounter()
    const read = cache.memoize(
      async (request: { user: { id: string }; trace: symbol }, part: string) => ran(`${request.user.id} ${part}`),
      {
        name: 'row',
        key: (request, part) => [request.user.id, part],
      },
    )
    const readAll = async (): Promise<string[]> => {
      for (const id of ['1', '2']) for (const part of ['x', 'y']) await read({ user: { id }, trace: Symbol('trace') }, part)
      return taken()
    }
    expect(await readAll()).toHaveLength(4)
    await read.clear('1')
    expect(await readAll()).toEqual(['1 x', '1 y'])
    await read.clear(any, 'y')
    expect(await readAll()).toEqual(['1 y', '2 y'])
  })
})

describe('found dependencies', () => {
  test('reach over any number of functions, exactly', async () => {
    const { ran, taken } = newCounter()
    const user = cache.memoize(async (id: string) => ran(`user ${id}`), { name: 'user' })
    const posts = cache.memoize(async (author: string) => [ran(`posts ${author}`), await user(author)], { name: 'posts' })
    const feed = cache.memoize(
      async (...authors: string[]) => [ran(`feed ${authors.join()}`), await Promise.all(authors.map((id) => posts(id)))],
      { name: 'feed' },
    )
    const readAll = async (): Promise<string[]> => {
      await Promise.all([feed('1', '2'), feed('2', '3'), feed('3')])
      return taken()
    }
    await readAll()
    await user.clear('1')
    expect(await readAll()).toEqual(['feed 1,2', 'posts 1', 'user 1'])
    await posts.clear('3')
    expect(await readAll()).toEqual(['feed 2,3', 'feed 3', 'posts 3'])
    await feed.clear('2')
    expect(await readAll()).toEqual(['feed 2,3'])
    await user.clear('4')
    expect(await readAll()).toEqual([])
  })

  test('are those of the last load: what it does not read any more does not clear it', async () => {
    const { ran, taken } = newCounter()
    let source = 'a'
    const read = cache.memoize(async (id: string) => id, { name: 'row' })
    const list = cache.memoize(async () => ran(await read(source)), { name: 'list' })
    await list()
    source = 'b'
    await read.clear('a')
    await list()
    taken()
    await read.clear('a')
    await list()
    expect(taken()).toEqual([])
    await read.clear('b')
    await list()
    expect(taken()).toEqual(['b'])
  })
})

describe('tags and cache.track', () => {
  test('make a result depend on what is no function', async () => {
    const { ran, taken } = newCounter()
    const list = cache.memoize(
      async (table: string) => {
        cache.track(cache.tag(`table:${table}`))
        return ran(table)
      },
      { name: 'list' },
    )
    const page = cache.memoize(async () => [ran('page'), await list('users')], { name: 'page' })
    await Promise.all([page(), list('posts')])
    taken()
    await cache.clear(cache.tag('table:users'))
    await Promise.all([page(), list('posts')])
    expect(taken()).toEqual(['page', 'users'])
    await cache.clear(cache.tag('table:user'), cache.tag('table'), cache.ref('list', 'table:users'))
    await Promise.all([page(), list('posts')])
    expect(taken()).toEqual([])
  })

  test('a clear after the row was read and before it was tracked is not missed', async () => {
    let row = 'old'
    const list = cache.memoize(
      async () => {
        const seen = row
        row = 'new'
        await cache.clear(cache.tag('rows'))
        cache.track(cache.tag('rows'))
        return seen
      },
      { name: 'list' },
    )
    expect([await list(), await list()]).toEqual(['old', 'new'])
  })

  test('cache.track takes patterns over calls too, and follows what their functions declare', async () => {
    const { ran, taken } = newCounter()
    cache.memoize(async (id: string) => id, { name: 'user', dependsOn: [cache.tag('table:users')] })
    const list = cache.memoize(
      async () => {
        cache.track(cache.ref('user', '1'))
        return ran('list')
      },
      { name: 'list' },
    )
    for (const ref of [cache.ref('user', '1'), cache.ref('user'), cache.tag('table:users')]) {
      await list()
      taken()
      await cache.clear(ref)
      await list()
      expect(taken()).toEqual(['list'])
    }
    await cache.clear(cache.ref('user', '2'))
    await list()
    expect(taken()).toEqual([])
  })

  test('outside of a load cache.track does nothing, but refuses what is no ref', () => {
    expect(() => cache.track(cache.tag('users'))).not.toThrow()
    // @ts-expect-error A name is no ref.
    expect(() => cache.track('users')).toThrow(
      'Expected cache.track to be given refs, such as getUser.ref("42") or cache.tag("table:users"), got "users".',
    )
  })
})

describe('dependsOn', () => {
  test('as a list makes every call depend on its refs', async () => {
    const { ran, taken } = newCounter()
    const list = cache.memoize(async (id: string) => ran(id), { name: 'list', dependsOn: [cache.tag('rows'), cache.ref('user', '1')] })
    const readAll = async (): Promise<string[]> => {
      await Promise.all([list('a'), list('b')])
      return taken()
    }
    await readAll()
    await cache.clear(cache.tag('rows'))
    expect(await readAll()).toEqual(['a', 'b'])
    await cache.clear(cache.ref('user'))
    expect(await readAll()).toEqual(['a', 'b'])
    await cache.clear(cache.ref('user', '2'))
    expect(await readAll()).toEqual([])
  })

  test('as a function makes each call depend on what it gives for its arguments', async () => {
    const { ran, taken } = newCounter()
    const list = cache.memoize(async (id: string) => ran(id), { name: 'list', dependsOn: (id) => [cache.tag(`row:${id}`)] })
    const readAll = async (): Promise<string[]> => {
      await Promise.all([list('a'), list('b')])
      return taken()
    }
    await readAll()
    await cache.clear(cache.tag('row:a'))
    expect(await readAll()).toEqual(['a'])
  })

  test('counts from the beginning of the load: a clear while it runs is not missed', async () => {
    let loads = 0
    const list = cache.memoize(
      async () => {
        if (++loads === 1) await cache.clear(cache.tag('rows'))
        return loads
      },
      { name: 'list', dependsOn: () => [cache.tag('rows')] },
    )
    expect([await list(), await list(), await list()]).toEqual([1, 2, 2])
  })

  test("is followed through what a declared ref's own function declares, lists and functions, over any number of them", async () => {
    const { ran, taken } = newCounter()
    const country = cache.memoize(async (code: string) => code, { name: 'country', dependsOn: [cache.tag('atlas')] })
    const city = cache.memoize(async (code: string, name: string) => [code, name], {
      name: 'city',
      dependsOn: (code) => [country.ref(code)],
    })
    const street = cache.memoize(async (name: string) => ran(name), { name: 'street', dependsOn: (name) => [city.ref('de', name)] })
    const read = async (): Promise<string[]> => {
      await street('ulm')
      return taken()
    }
    await read()
    for (const ref of [city.ref('de', 'ulm'), country.ref('de'), cache.tag('atlas')]) {
      await cache.clear(ref)
      expect(await read()).toEqual(['ulm'])
    }
    for (const ref of [city.ref('de', 'bonn'), country.ref('fr'), cache.tag('map')]) {
      await cache.clear(ref)
      expect(await read()).toEqual([])
    }
  })

  test('of a ref that leaves arguments open brings the whole of the functions that its function form has named', async () => {
    const { ran, taken } = newCounter()
    const country = cache.memoize(async (code: string) => code, { name: 'country' })
    const city = cache.memoize(async (code: string, name: string) => [code, name], {
      name: 'city',
      dependsOn: (code) => [country.ref(code)],
    })
    const map = cache.memoize(async () => ran('map'), { name: 'map', dependsOn: [city.ref('de')] })
    await city('de', 'ulm')
    await map()
    taken()
    await country.clear('de')
    await map()
    expect(taken()).toEqual(['map'])
  })

  test.each<[string, (cache: Cache) => Ref]>([
    ['a default', (cache) => cache.ref('city', 'de')],
    ['a rest parameter', (cache) => cache.ref('region')],
    ['an object, of which a ref may name a part', (cache) => cache.ref('place', { code: 'de' })],
  ])('of a ref that could leave an argument open is never less than what its calls depend on: %s', async (_, refOf) => {
    const { ran, taken } = newCounter()
    const country = cache.memoize(async (code: string) => code, { name: 'country' })
    const city = cache.memoize(async (code: string, language = 'en') => [code, language], {
      name: 'city',
      dependsOn: (code, language = 'en') => [country.ref(`${code} ${language}`)],
    })
    const region = cache.memoize(async (...codes: string[]) => codes, {
      name: 'region',
      dependsOn: (...codes) => codes.map((code) => country.ref(code)),
    })
    const place = cache.memoize(async (of: { code: string; language?: string }) => of, {
      name: 'place',
      dependsOn: ({ code, language = 'en' }) => [country.ref(`${code} ${language}`)],
    })
    const map = cache.memoize(async () => ran('map'), { name: 'map', dependsOn: [refOf(cache)] })
    await Promise.all([city('de', 'fr'), region('de fr'), place({ code: 'de', language: 'fr' })])
    await map()
    taken()
    await country.clear('de fr')
    await map()
    expect(taken()).toEqual(['map'])
  })

  test('may go in a circle', async () => {
    const { ran, taken } = newCounter()
    const a = cache.memoize(async (id: string) => ran(`a ${id}`), { name: 'a', dependsOn: (id) => [cache.ref('b', id)] })
    const b = cache.memoize(async (id: string) => ran(`b ${id}`), { name: 'b', dependsOn: (id) => [cache.ref('a', id), cache.tag('rows')] })
    const readAll = async (): Promise<string[]> => {
      await Promise.all([a('1'), b('1'), a('2')])
      return taken()
    }
    await readAll()
    await b.clear('1')
    expect(await readAll()).toEqual(['a 1', 'b 1'])
    await cache.clear(cache.tag('rows'))
    expect(await readAll()).toEqual(['a 1', 'a 2', 'b 1'])
  })

  test('in function form that has not run here yet brings everything: an entry may be from another process', async () => {
    const { ran, taken } = newCounter()
    cache.memoize(async (author: string, page: number) => `${author} ${page}`, { name: 'list', dependsOn: () => [cache.tag('rows')] })
    const page = cache.memoize(async () => ran('page'), { name: 'page', dependsOn: [cache.ref('list', 'Ada')] })
    await page()
    taken()
    await cache.clear(cache.tag('rows'))
    await page()
    expect(taken()).toEqual(['page'])
  })

  describe.each<[string, () => readonly Ref[]]>([
    [
      'that throws',
      () => {
        throw new Error('no dependencies today')
      },
    ],
    ['that gives what is no list of refs', () => ['rows'] as never],
  ])('%s', (_, dependsOn) => {
    beforeEach(() => {
      cache = openCache({ redis: false, onError: () => undefined }, newClock().now)
    })

    test('leaves a result unstored, and lets what was computed from it depend on anything', async () => {
      const { ran, taken } = newCounter()
      const list = cache.memoize(async () => ran('list'), { name: 'list', dependsOn })
      const page = cache.memoize(async () => ran(`page of ${await list()}`), { name: 'page' })
      await page()
      await page()
      expect(taken()).toEqual(['list', 'page of list'])
      await cache.clear(cache.tag('whatever'))
      await page()
      expect(taken()).toEqual(['list', 'page of list'])
    })

    test('lets what declares its function depend on anything', async () => {
      const { ran, taken } = newCounter()
      const list = cache.memoize(async (author: string) => ran(author), { name: 'list', dependsOn })
      const page = cache.memoize(async () => ran('page'), { name: 'page', dependsOn: [list.ref('Ada')] })
      const tracking = cache.memoize(async () => (cache.track(list.ref('Ada')), ran('tracking')), { name: 'tracking' })
      for (let round = 0; round < 2; round++) {
        await Promise.all([page(), tracking()])
        await Promise.all([page(), tracking()])
        expect(taken()).toEqual(['page', 'tracking'])
        await cache.clear(cache.tag('whatever'))
      }
    })
  })

  test('of a synchronous function', async () => {
    const { ran, taken } = newCounter()
    const list = cache.memoizeSync((id: string) => ran(id), { name: 'list', dependsOn: (id) => [cache.tag(`row:${id}`)] })
    list('a')
    list('b')
    taken()
    await cache.clear(cache.tag('row:a'))
    list('a')
    list('b')
    expect(taken()).toEqual(['a'])
  })
})
