// A rolling deploy: processes of two versions of one program share a Redis for a while.
import { expect, onTestFinished, test } from 'vitest'
import { until } from './redis/process.ts'
import { newWorld } from './redis/world.ts'
import { createCache, type MemoizeOptions } from '../src/index.ts'
import { startProgram } from './support/program.ts'

const world = newWorld()

interface Deployed {
  /** Has it do something, and resolves to what came of it. */
  tell(deed: string, id?: string): Promise<unknown>
}

async function deploy(version: string): Promise<Deployed> {
  const program = startProgram('test/support/deployed.ts', { REDIS_URL: world.server.url, PREFIX: world.prefix, VERSION: version })
  onTestFinished(async () => void (await program.end('SIGKILL')))
  await program.says('ready')
  let turn = 0
  return {
    async tell(deed, id = '42') {
      turn++
      await world.plain.rpush(`${world.prefix} ${program.process.pid}`, `${deed} ${id}`)
      const said = await program.says(`\n${turn} done`)
      const answer = new RegExp(`^${turn}: (.*)$`, 'm').exec(said)?.[1] ?? ''
      return JSON.parse(answer) as unknown
    },
  }
}

const write = (state: string) => world.plain.set(`${world.prefix} row`, state)

async function keysOf(name: string): Promise<string[]> {
  const start = `${encodeURIComponent(world.prefix)}:`
  return (await world.plain.keys('*')).filter((key) => key.startsWith(`${start}${name}(`)).map((key) => key.slice(start.length))
}

test.each([
  ['1', '2'],
  ['', '2'],
])('two processes of versions "%s" and "%s" never read each other\'s values, and clear each other\'s', async (first, second) => {
  await write('a')
  const [old, young] = await Promise.all([deploy(first), deploy(second)])
  expect(await old.tell('row')).toEqual({ shape: first, seen: '42 a' })
  await until(async () => (await keysOf('row')).length === 1)
  expect(await young.tell('row')).toEqual({ shape: second, seen: '42 a' })
  await until(async () => (await keysOf('row')).length === 2)
  expect(await old.tell('page')).toContain(`"shape":"${first}"`)
  expect(await young.tell('page')).toContain(`"shape":"${second}"`)
  expect([await old.tell('loads'), await young.tell('loads')]).toEqual([1, 1])

  await write('b')
  await young.tell('clear')
  await until(async () => JSON.stringify(await old.tell('row')) === JSON.stringify({ shape: first, seen: '42 b' }))
  expect(await old.tell('page')).toContain('42 b')
  expect(await young.tell('row')).toEqual({ shape: second, seen: '42 b' })

  await write('c')
  await old.tell('clear')
  await until(async () => JSON.stringify(await young.tell('page')).includes('42 c'))
  expect(await young.tell('row')).toEqual({ shape: second, seen: '42 c' })
  expect(await old.tell('row')).toEqual({ shape: first, seen: '42 c' })
})

test('a third process takes up the entries of its own version, and counts those alone', async () => {
  await write('a')
  const [old, young] = await Promise.all([deploy('1'), deploy('2')])
  for (const id of ['41', '42']) await old.tell('row', id)
  await young.tell('row', '42')
  await until(async () => (await keysOf('row')).length === 3)
  expect((await keysOf('row')).toSorted()).toEqual(['row("41")@1', 'row("42")@1', 'row("42")@2'])
  const third = await deploy('1')
  await third.tell('row', '41')
  await third.tell('row', '42')
  expect(await third.tell('loads')).toBe(0)
  expect([await third.tell('count'), await young.tell('count')]).toEqual([2, 1])
  await third.tell('flush')
  await until(async () => (await keysOf('row')).length === 0)
  expect([await third.tell('count'), await young.tell('count')]).toEqual([0, 0])
})

test('two versions load a call at the same time: neither waits for the other', async () => {
  const caches = [1, 2].map(() => createCache({ redis: world.server.url, prefix: world.prefix, commandTimeout: 10_000 }))
  onTestFinished(async () => void (await Promise.all(caches.map((cache) => cache.close()))))
  let loading = 0
  let open: () => void
  const gate = new Promise<void>((resolve) => (open = resolve))
  const load = async () => {
    loading++
    await gate
    return 'value'
  }
  const reads = caches.map((cache, at) => cache.memoize(load, { name: 'row', version: `${at}` }))
  // Only a process that knows the shared log takes leases.
  await until(async () => (await Promise.all(caches.map((cache) => cache.clear(cache.tag('known'))))).length === 2)
  const values = reads.map((read) => read())
  await until(() => loading === 2)
  open!()
  expect(await Promise.all(values)).toEqual(['value', 'value'])
})

test.each(['', 'a)', 'a b', '@', 'x'.repeat(101), 2, null])('version %o is a ConfigError', (version) => {
  const cache = createCache({ redis: false })
  const options = { name: 'row', version } as MemoizeOptions<() => Promise<number>>
  expect(() => cache.memoize(async () => 1, options)).toThrow(
    /^Expected `version` to be at most 100 letters, digits and \._\+-, such as "2", got /,
  )
})
