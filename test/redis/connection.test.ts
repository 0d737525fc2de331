// How Redis is talked to: nobody waits longer than the command timeout, and nobody waits at all for a server that is known to be away.
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { Redis as Redis5 } from 'ioredis5'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi, type Mock } from 'vitest'
import { ConfigError, type CacheError } from '../../src/errors.ts'
import { RedisConnection, type ConnectionOptions } from '../../src/redis/connection.ts'
import { newNetwork } from '../faults/network.ts'
import { newClock } from '../support/clock.ts'
import { newGate } from '../support/gate.ts'
import { startRedis } from '../support/redis.ts'
import { timed } from '../support/timed.ts'
import { newServer, until, type TestServer } from './process.ts'
import { newProxy } from './proxy.ts'

let server: TestServer
let plain: Redis

beforeAll(async () => {
  server = await newServer()
  plain = server.plain
})
afterAll(() => server.stop())

const COMMAND_TIMEOUT = 1000
/** Of whoever is not to wait until it is over, however busy the machine. */
const patient = { commandTimeout: 10_000 }

function connect(redis: string | Redis, options: Partial<ConnectionOptions> = {}): { connection: RedisConnection; errors: CacheError[] } {
  const errors: CacheError[] = []
  const onError = (error: CacheError) => void errors.push(error)
  const connection = new RedisConnection({ redis, commandTimeout: COMMAND_TIMEOUT, clock: newClock().now, onError, ...options })
  onTestFinished(() => connection.close())
  return { connection, errors }
}

const ping = (connection: RedisConnection) => connection.command('key', (client) => client.ping())

/** How a command ends, and after how many milliseconds. */
async function outcome(work: Promise<unknown>): Promise<{ code: unknown; ms: number }> {
  const [ms, code] = await timed(
    work.then(
      () => 'answered',
      (error: CacheError) => error.code,
    ),
  )
  return { code, ms }
}

/** A server that takes connections and never says anything. */
async function silentUrl(): Promise<string> {
  const silent = createServer((socket) => socket.on('error', () => undefined)).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  onTestFinished(() => void silent.close())
  return `redis://127.0.0.1:${(silent.address() as AddressInfo).port}`
}

function listenTo(connection: RedisConnection, channel: string): { heard: string[]; onListening: Mock<() => void> } {
  const heard: string[] = []
  const onListening = vi.fn<() => void>()
  connection.listen(channel, { onMessage: (text) => heard.push(text), onListening })
  return { heard, onListening }
}

/** How many connections of a name the server has. */
async function connectionsOf(name: string): Promise<number> {
  return String(await plain.client('LIST')).split(`name=${name} `).length - 1
}

describe('a command', () => {
  test('waits for the first connection', async () => {
    const { connection } = connect(server.url, patient)
    expect(await ping(connection)).toBe('PONG')
  })

  test('rejects at once when there is no server, and again at once after that', async () => {
    await using absent = await startRedis()
    await absent.kill()
    const { connection, errors } = connect(absent.url, patient)
    for (let times = 0; times < 3; times++)
      expect(await outcome(ping(connection))).toEqual({ code: 'STORE', ms: expect.toSatisfy((ms) => ms < patient.commandTimeout / 2) })
    expect(errors.map((error) => error.message)).toEqual(['Redis cannot be reached at the moment.'])
    expect(errors[0]?.cause).toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('fails as often as it may, that Redis is away is told once, and again when it went away again', async () => {
    const proxy = await newProxy(server.port)
    const { connection, errors } = connect(proxy.url, patient)
    await until(async () => (await outcome(ping(connection))).code === 'answered')
    for (const times of [1, 2]) {
      const refused = proxy.refused()
      proxy.refuse()
      await until(() => proxy.refused() > refused + 2)
      expect(errors.map((error) => error.code)).toEqual(Array.from({ length: times }, () => 'STORE'))
      proxy.restore()
      await until(async () => (await outcome(ping(connection))).code === 'answered')
    }
  })

  test('waits its time for a connection that hangs, and the next one not at all', async () => {
    const { connection } = connect(await silentUrl())
    const began = performance.now()
    const [first, other] = await Promise.all([outcome(ping(connection)), outcome(ping(connection))])
    expect(performance.now() - began).toBeGreaterThanOrEqual(COMMAND_TIMEOUT - 5)
    for (const { code, ms } of [first, other])
      expect([code, ms < COMMAND_TIMEOUT + 200]).toEqual([expect.stringMatching(/TIMEOUT|STORE/), true])
    expect(await outcome(ping(connection))).toEqual({ code: 'STORE', ms: expect.toSatisfy((ms) => ms < COMMAND_TIMEOUT / 2) })
  })

  test('waits its time for a server that hangs, takes all that wait along, and the next one not at all', async () => {
    await using hanging = await startRedis()
    const { connection, errors } = connect(hanging.url)
    await ping(connection)
    hanging.pause()
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => outcome(ping(connection))))
    for (const { code, ms } of outcomes) expect([code, ms < COMMAND_TIMEOUT + 200]).toEqual([expect.stringMatching(/TIMEOUT|STORE/), true])
    expect(outcomes[0]?.code).toBe('TIMEOUT')
    expect(await outcome(ping(connection))).toEqual({ code: 'STORE', ms: expect.toSatisfy((ms) => ms < COMMAND_TIMEOUT / 2) })
    hanging.resume()
    await until(async () => (await outcome(ping(connection))).code === 'answered')
    expect(errors).toHaveLength(1)
  })

  test('is not taken for unanswered where this process itself was busy', async () => {
    const commandTimeout = 250
    const { connection } = connect(server.url, { commandTimeout })
    await until(async () => (await outcome(ping(connection))).code === 'answered')
    const answered = ping(connection)
    // The reply arrives while nothing here runs; the timer is due first.
    await new Promise((resolve) => setImmediate(resolve))
    for (const end = performance.now() + commandTimeout + 50; performance.now() < end;);
    expect(await answered).toBe('PONG')
  })

  test('works at once after the server cut the connection and takes the next one', async () => {
    const { connection } = connect(server.url, patient)
    const id = await connection.command('key', (client) => client.client('ID'))
    await plain.client('KILL', 'ID', id)
    await until(async () => !String(await plain.client('LIST')).includes(`id=${id} `))
    const outcomes: unknown[] = []
    await until(async () => {
      const { code, ms } = await outcome(ping(connection))
      outcomes.push(code)
      expect(ms).toBeLessThan(patient.commandTimeout / 2)
      return code === 'answered'
    })
    // At most the one that was written into the dead socket is lost.
    expect(outcomes.length).toBeLessThanOrEqual(2)
  })

  test('is not sent again after the connection broke under it', async () => {
    const proxy = await newProxy(server.port)
    const { connection } = connect(proxy.url, patient)
    await ping(connection)
    proxy.asking().hold()
    const counted = connection.command('key', (client) => client.incr('sent once'))
    await until(async () => (await plain.get('sent once')) === '1')
    proxy.refuse()
    expect((await outcome(counted)).code).toBe('STORE')
    proxy.restore()
    await until(async () => (await outcome(ping(connection))).code === 'answered')
    expect(await plain.get('sent once')).toBe('1')
  })

  test.each([
    ['ioredis 6', Redis],
    ['ioredis 5', Redis5 as unknown as typeof Redis],
  ])('says what the server has against the connection, at once: %s', async (_, Client) => {
    await using guarded = await startRedis()
    const opener = new Redis(guarded.url)
    await opener.config('SET', 'requirepass', 'secret')
    opener.disconnect()
    for (const password of ['wrong', '']) {
      const { connection } = connect(new Client(guarded.url, { lazyConnect: true, password }), patient)
      const said = { code: 'STORE', cause: expect.objectContaining({ message: expect.stringMatching(/WRONGPASS|NOAUTH/) }) as unknown }
      const [ms, error] = await timed(ping(connection).catch((error: unknown) => error))
      expect([error, ms < patient.commandTimeout / 2]).toEqual([expect.objectContaining(said), true])
    }
  })

  test('that the server refuses says why, and closes nothing', async () => {
    const { connection, errors } = connect(server.url, patient)
    const refused = connection.command('key', (client) => client.call('NO-SUCH-COMMAND'))
    await expect(refused).rejects.toMatchObject({
      code: 'STORE',
      message: expect.stringContaining('unknown command'),
      cause: { name: 'ReplyError' },
    })
    expect([await ping(connection), errors]).toEqual(['PONG', []])
  })
})

describe('the circuit', () => {
  test('opens after repeated silence, lets one caller try a while later, and closes when that one is answered', async () => {
    const clock = newClock()
    const { connection } = connect(server.url, { clock: clock.now, commandTimeout: 50 })
    const said = () => ping(connection).catch((error: CacheError) => error.message)
    const isOpen = 'Redis did not answer lately, and is left alone for a moment.'
    // A first connection that takes its time is no silence.
    await until(async () => (await said()) === 'PONG')
    for (let times = 0; times < 3; times++) {
      await until(async () => (await outcome(connection.command('key', () => new Promise(() => undefined)))).code === 'TIMEOUT')
    }
    // The connection is back by now, and left alone.
    await until(async () => (await said()) === isOpen)
    clock.advance(999)
    expect(await said()).toBe(isOpen)
    clock.advance(1)
    const gate = newGate()
    const [trial, ...others] = [connection.command('key', () => gate.wait()), said(), said()]
    await gate.reached()
    expect(await Promise.all([...others, said()])).toEqual([isOpen, isOpen, isOpen])
    gate.open()
    await trial
    await until(async () => (await said()) === 'PONG')
  })
})

describe('scripts', () => {
  const script = { text: 'return ARGV[1]', sha: '098e0f0d1448c0a81dafe820f66d460eb09263da' }

  test('run by their hash, and by their text where the server does not have them', async () => {
    const { connection } = connect(server.url, patient)
    await plain.script('FLUSH')
    expect(await connection.script(script, 'key', () => ['first'])).toBe('first')
    expect(await plain.script('EXISTS', script.sha)).toEqual([1])
    expect(await connection.script(script, 'key', () => ['second'])).toBe('second')
    await plain.script('FLUSH')
    expect(await connection.script(script, 'key', () => ['third'])).toBe('third')
  })
})

describe('the connection that listens', () => {
  test('says when it listens, and again after it was lost', async () => {
    const proxy = await newProxy(server.port)
    const { connection } = connect(proxy.url, patient)
    const { heard, onListening } = listenTo(connection, 'news')
    await until(() => onListening.mock.calls.length === 1)
    await plain.publish('news', 'one')
    await until(() => heard.length === 1)
    proxy.listening().cut()
    await until(() => onListening.mock.calls.length === 2)
    await plain.publish('news', 'two')
    await until(() => heard.length === 2)
    expect(heard).toEqual(['one', 'two'])
  })

  test('is replaced when it is checked and its other end is gone', async () => {
    const proxy = await newProxy(server.port)
    const { connection } = connect(proxy.url)
    const { heard, onListening } = listenTo(connection, 'more news')
    await until(() => onListening.mock.calls.length === 1)
    await connection.checkListening()
    expect(connection.isListening).toBe(true)
    proxy.listening().hold()
    await connection.checkListening()
    expect(connection.isListening).toBe(false)
    await until(() => connection.isListening)
    await plain.publish('more news', 'heard')
    await until(() => heard.length === 1)
  })

  test.each([
    ['a number', ':42\r\n'],
    ['a text', '$3\r\nabc\r\n'],
    ['an empty list', '*0\r\n'],
    ['a list that is too short', '*1\r\n:1\r\n'],
  ])('is given up, and nothing else, where %s answers SUBSCRIBE', async (_, bytes) => {
    const network = await newNetwork(server.port)
    onTestFinished(() => network.close())
    network.be({ does: 'answer', bytes, to: 'subscribe' })
    const { connection } = connect(`redis://127.0.0.1:${network.port}`)
    const { heard } = listenTo(connection, 'sound news')
    // Its second try is a connection of its own: the first has not ended this process.
    await until(() => network.accepted >= 3)
    expect([connection.isListening, await ping(connection)]).toEqual([false, 'PONG'])
    network.be({ does: 'carry' })
    await until(() => connection.isListening)
    await plain.publish('sound news', 'heard')
    await until(() => heard.length === 1)
  })

  test('tells when the server refuses the channel', async () => {
    await plain.call('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '+@all', 'resetchannels')
    const { connection, errors } = connect(`redis://deaf:secret@127.0.0.1:${server.port}`)
    listenTo(connection, 'news')
    await until(() => errors.length > 0)
    expect(errors[0]?.message).toContain('NOPERM')
    expect([connection.isListening, await ping(connection)]).toEqual([false, 'PONG'])
  })
})

describe('what is given', () => {
  test.each([
    ['ioredis 6', (): Redis => new Redis(server.url, { lazyConnect: true, keyPrefix: 'app:', db: 2 })],
    ['ioredis 5', (): Redis => new Redis5(server.url, { lazyConnect: true, keyPrefix: 'app:', db: 2 }) as unknown as Redis],
  ])('a client of %s lends its settings, and is neither used nor closed', async (_, newRedis) => {
    const client = newRedis()
    onTestFinished(() => client.disconnect())
    const { connection } = connect(client, patient)
    const { heard, onListening } = listenTo(connection, 'channel')
    await until(() => onListening.mock.calls.length > 0)
    await plain.publish('channel', 'hello')
    await until(() => heard.length > 0)
    await connection.checkListening()
    expect(await connection.script({ text: 'return KEYS[1]', sha: '4a2267357833227dd98abdedb8cf24b15a986445' }, 'key', () => [])).toBe(
      'app:key',
    )
    expect([connection.keyPrefix, connection.database, client.status, connection.isListening]).toEqual(['app:', 2, 'wait', true])
    await connection.close()
    expect(await client.ping()).toBe('PONG')
  })

  test('settings that would make a command wait or be sent twice are not taken over', async () => {
    const { connection } = connect(
      new Redis(server.url, { lazyConnect: true, enableAutoPipelining: true, maxRetriesPerRequest: null, reconnectOnError: () => 2 }),
    )
    const settings = await connection.command('key', (client) => Promise.resolve(client.options))
    expect(settings).toMatchObject({
      enableOfflineQueue: false,
      autoResendUnfulfilledCommands: false,
      enableAutoPipelining: false,
      maxRetriesPerRequest: 0,
      reconnectOnError: null,
    })
  })

  test.each([
    ['localhost:6379', 'URL'],
    ['', 'URL'],
    [{}, 'client of ioredis'],
    [null, 'client of ioredis'],
  ])('%j is a ConfigError', (redis, expected) => {
    expect(() => connect(redis as string)).toThrow(ConfigError)
    expect(() => connect(redis as string)).toThrow(expected)
  })
})

describe('close', () => {
  test('rejects what waits and what comes, and may be called again', async () => {
    const { connection } = connect(await silentUrl())
    const waiting = outcome(ping(connection))
    await connection.close()
    await connection.close()
    expect((await waiting).code).toBe('STORE')
    await expect(ping(connection)).rejects.toThrow('The cache was closed.')
  })

  test('leaves no connection at the server', async () => {
    const { connection } = connect(new Redis(server.url, { lazyConnect: true, connectionName: 'to-be-closed' }))
    listenTo(connection, 'channel')
    await until(async () => (await connectionsOf('to-be-closed')) === 2)
    await connection.close()
    await until(async () => (await connectionsOf('to-be-closed')) === 0)
    expect((await outcome(ping(connection))).code).toBe('STORE')
  })

  test.each([
    ['while it is connected', () => Promise.resolve(server.url)],
    ['while the server is absent', () => Promise.resolve('redis://127.0.0.1:1')],
    ['while an attempt hangs', silentUrl],
  ])('lets the process end: %s', async (_, url) => {
    const code = `
      import { ClearLog } from './src/clear-log.ts'
      import { RedisConnection } from './src/redis/connection.ts'
      import { SharedLog } from './src/redis/log.ts'
      import { wholeRef } from './src/ref.ts'
      const clock = () => performance.now()
      const onError = () => undefined
      const connection = new RedisConnection({ redis: process.argv[1], commandTimeout: 200, clock, onError })
      const log = new ClearLog(100)
      const shared = new SharedLog({ connection, log, prefix: 'ends', maxStaleness: 100, retention: () => 1000, clock, onError })
      await shared.append([log.append('clear', wholeRef('user'), 0, true)]).catch(() => undefined)
      await shared.close()
      await connection.close()
      console.log('closed')`
    const run = promisify(execFile)(process.execPath, ['--import', 'tsx', '--input-type', 'module', '-e', code, await url()], {
      timeout: 50_000,
    })
    expect(await run).toMatchObject({ stdout: 'closed\n', stderr: '' })
  })
})
