// What may befall Redis, one entry each: the tests of this folder hold the same promises against all of them.
import { rmSync } from 'node:fs'
import { admit, type Scene } from './stage.ts'

/** One kind of trouble. */
export interface Fault {
  readonly name: string
  /** Further arguments of the server. */
  readonly args?: readonly string[]
  begin(scene: Scene): Promise<void> | void
  end(scene: Scene): Promise<void> | void
  /** Ends what it left running, however the test ended. */
  close?(): Promise<void> | void
  /** Whether there is trouble before the caches are made. */
  readonly isFromStart?: boolean
  /** What becomes of a clear meanwhile. */
  readonly clears: 'refused' | 'confirmed' | 'either'
  /** Whether it ends and begins again all the time: then it is told as often. */
  readonly comesAgain?: boolean
  /** Whether only the first process is hit: the other one talks to the server as ever. */
  readonly isOfOne?: boolean
  /** Whether Redis answers to a question meanwhile, as a server does that only refuses writes. */
  readonly isAnswering?: boolean
}

const dropAll = async ({ plain }: Scene): Promise<void> => {
  for (const type of ['normal', 'pubsub']) await plain.call('CLIENT', 'KILL', 'TYPE', type, 'SKIPME', 'yes')
}

/** Cuts the connections of the first process alone. */
const dropHere = async ({ plain }: Scene): Promise<void> => void (await plain.call('CLIENT', 'KILL', 'USER', 'here'))

/** Does something over and over until it is told to stop. */
function again(act: (scene: Scene) => Promise<unknown>): Pick<Fault, 'begin' | 'end' | 'close'> {
  let stopped: { yes: boolean } = { yes: true }
  let running: Promise<void> = Promise.resolve()
  const stop = async (): Promise<void> => {
    stopped.yes = true
    await running
  }
  return {
    begin(scene) {
      const mine = (stopped = { yes: false })
      running = (async () => {
        while (!mine.yes)
          await act(scene).then(
            () => new Promise((resolve) => setTimeout(resolve, 5)),
            () => undefined,
          )
      })()
    },
    end: stop,
    close: stop,
  }
}

/** The network behaves so while it lasts. */
function onTheWay(behaviour: Parameters<Scene['network']['be']>[0]): Pick<Fault, 'begin' | 'end' | 'isOfOne'> {
  return {
    begin: ({ network }) => network.be(behaviour),
    end: ({ network }) => network.be({ does: 'carry' }),
    isOfOne: true,
  }
}

/** The first process has not these rights. */
function without(rights: string, then?: (scene: Scene) => Promise<void>): Pick<Fault, 'begin' | 'end' | 'isOfOne'> {
  return {
    async begin(scene) {
      await scene.plain.call('ACL', 'SETUSER', 'here', `-${rights}`)
      await then?.(scene)
    },
    end: ({ plain }) => plain.call('ACL', 'SETUSER', 'here', `+${rights}`) as Promise<void>,
    isOfOne: true,
  }
}

const config =
  (...settings: string[]) =>
  ({ plain }: Scene): Promise<unknown> =>
    plain.config('SET', ...(settings as [string, string]))
const silent = { clears: 'refused' } as const

// What LOADING loads.
const FILE = `cache-alchemy-${process.pid}.rdb`
let junk = 0

export const faults: readonly Fault[] = [
  {
    name: 'absent at the start',
    ...silent,
    isFromStart: true,
    begin: ({ server }) => server.kill(),
    async end({ server, plain }) {
      await server.restart()
      await admit(plain)
    },
  },
  {
    name: 'killed, and back with nothing',
    ...silent,
    begin: ({ server }) => server.kill(),
    async end({ server, plain }) {
      await server.restart()
      await admit(plain)
    },
  },
  {
    name: 'restarted empty',
    clears: 'either',
    async begin({ server, plain }) {
      await server.restart()
      await admit(plain)
    },
    end: () => undefined,
  },
  { name: 'flushed all the time', clears: 'either', isAnswering: true, ...again(({ plain }) => plain.flushall()) },
  { name: 'behind connections that are refused', ...silent, ...onTheWay({ does: 'cut' }) },
  { name: 'slow: a second an answer', ...silent, ...onTheWay({ does: 'delay', ms: 1000 }) },
  { name: 'slow: almost as long as it may take', clears: 'either', isAnswering: true, ...onTheWay({ does: 'delay', ms: 80 }) },
  { name: 'half open: nothing arrives', ...silent, ...onTheWay({ does: 'swallow' }) },
  { name: 'half open: commands arrive, answers do not', ...silent, ...onTheWay({ does: 'swallow answers' }) },
  { name: 'stopped', ...silent, begin: ({ server }) => server.pause(), end: ({ server }) => server.resume() },
  {
    name: 'READONLY',
    clears: 'refused',
    begin: ({ plain }) => plain.replicaof('127.0.0.1', '1') as Promise<unknown> as Promise<void>,
    end: ({ plain }) => plain.replicaof('NO', 'ONE') as Promise<unknown> as Promise<void>,
  },
  {
    name: 'OOM',
    clears: 'refused',
    isAnswering: true,
    begin: (scene) => config('maxmemory', '1')(scene) as Promise<void>,
    end: (scene) => config('maxmemory', '0')(scene) as Promise<void>,
  },
  {
    name: 'LOADING',
    args: ['--dir', '/tmp', '--dbfilename', FILE, '--loading-process-events-interval-bytes', '1024'],
    clears: 'refused',
    close: () => rmSync(`/tmp/${FILE}`, { force: true }),
    async begin(scene) {
      await scene.plain.call('DEBUG', 'POPULATE', '1000', 'junk', '2000')
      await config('key-load-delay', '5000')(scene)
      scene.plain.call('DEBUG', 'RELOAD').catch(() => undefined)
      const other = scene.plain.duplicate({ enableReadyCheck: false })
      other.on('error', () => undefined)
      for (let said = ''; !said.startsWith('LOADING');) said = await other.get('x').then(String, (error: Error) => error.message)
      other.disconnect()
    },
    async end({ plain }) {
      const other = plain.duplicate({ enableReadyCheck: false })
      await other.config('SET', 'key-load-delay', '0')
      other.disconnect()
      await plain.ping()
    },
  },
  {
    name: 'NOAUTH: another password',
    ...silent,
    isOfOne: true,
    async begin(scene) {
      await scene.plain.call('ACL', 'SETUSER', 'here', '>other', '<secret')
      await dropHere(scene)
    },
    end: ({ plain }) => plain.call('ACL', 'SETUSER', 'here', '>secret', '<other') as Promise<void>,
  },
  { name: 'NOPERM: no rights any more', clears: 'refused', ...without('@all') },
  { name: 'NOPERM: no scripts, and so no word of clears', clears: 'refused', ...without('@scripting') },
  { name: 'NOPERM: no reads', clears: 'confirmed', isAnswering: true, ...without('get') },
  { name: 'NOPERM: no writes', clears: 'confirmed', isAnswering: true, ...without('set') },
  { name: 'NOPERM: no messages', clears: 'either', isAnswering: true, ...without('subscribe', dropHere) },
  {
    name: 'MISCONF',
    // No file can be written there.
    args: ['--dir', '/proc'],
    clears: 'refused',
    isAnswering: true,
    async begin(scene) {
      await config('save', '100000 1')(scene)
      await scene.plain.bgsave()
      while (!(await scene.plain.info('persistence')).includes('rdb_last_bgsave_status:err'));
    },
    end: (scene) => config('save', '')(scene) as Promise<void>,
  },
  { name: 'garbage: no word of its protocol', ...silent, ...onTheWay({ does: 'answer', bytes: 'HTTP/1.1 400 Bad Request\r\n\r\n' }) },
  { name: 'garbage: a number to everything', clears: 'refused', ...onTheWay({ does: 'answer', bytes: ':42\r\n' }) },
  { name: 'garbage: a text to everything', clears: 'refused', ...onTheWay({ does: 'answer', bytes: '$3\r\nabc\r\n' }) },
  { name: 'garbage: an empty list to everything', clears: 'refused', ...onTheWay({ does: 'answer', bytes: '*0\r\n' }) },
  { name: 'garbage: an error nobody knows', clears: 'refused', ...onTheWay({ does: 'answer', bytes: '-WAT is this\r\n' }) },
  {
    name: 'without the log: its key goes all the time',
    clears: 'either',
    isAnswering: true,
    ...again(({ plain, logKey }) => plain.del(logKey)),
  },
  {
    name: 'evicting: allkeys-lru under pressure',
    args: ['--maxmemory', '3mb', '--maxmemory-policy', 'allkeys-lru'],
    clears: 'either',
    isAnswering: true,
    ...again(({ plain }) => Promise.all(Array.from({ length: 20 }, () => plain.set(`junk ${++junk}`, 'x'.repeat(10_000), 'PX', 60_000)))),
  },
  {
    name: 'full of clients',
    ...silent,
    async begin(scene) {
      await config('maxclients', '1')(scene)
      await dropAll(scene)
    },
    end: (scene) => config('maxclients', '1000')(scene) as Promise<void>,
  },
  { name: 'cutting connections all the time', clears: 'either', comesAgain: true, ...again(dropAll) },
]
