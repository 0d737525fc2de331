// Knows what a hit from Redis costs with many callers at once, beside a bare GET and beside others.
import { Redis } from 'ioredis'
import { createCache, type CacheOptions } from '../dist/src/index.js'
import { startRedis } from '../test/support/redis.ts'
import { crowdLoop } from './callers.ts'
import { clientOf, ownOfParts, type Parts } from './own.ts'
import { redisPeers } from './redis-peers.ts'
import { measure, ratio, timingOf, type Case, type Timing } from './rounds.ts'
import { checkHits, hitting, newSourceOf, type Asked, type Source } from './source.ts'
import { atLeast, OWN, rates, type Suite, type Target } from './suite.ts'
import { besideMemory } from './tiered.ts'

const CALLERS = 64

const BARE = 'JSON.parse(await redis.get(key))'
const PIPELINED = `${BARE}, enableAutoPipelining`
const JSON_CODEC = `${OWN}, codec "json"`
const DEPENDENT = `${OWN}, three dependencies`
const STRONG = `${OWN}, strong`
const STRONG_DEPENDENT = `${OWN}, strong, three dependencies`

export const suite: Suite = {
  name: 'redis',
  title: 'Hits from Redis',
  async run() {
    // Ends with this process.
    const { port } = await startRedis()
    const small = await measure(casesOf(port, asked(100)), { length: 100 })
    await new Redis(port).flushall()
    const large = await measure(casesOf(port, asked(10_000)), { length: 100 })
    const tiered = await besideMemory(port)
    return {
      tables: [rates(`${CALLERS} callers, 100 bytes`, small, BARE), rates(`${CALLERS} callers, 10 KB`, large, BARE), tiered.table],
      targets: [...targetsOf(small, '100 B', 1.6), ...targetsOf(large, '10 KB', 1.1), ...tiered.targets],
    }
  },
}

function targetsOf(timings: readonly Timing[], size: string, beyond: number): Target[] {
  const times = (of: string, to: string) => ratio(timingOf(to, timings), timingOf(of, timings))
  return [
    atLeast(`hit from Redis, ${CALLERS} callers, ${size}`, beyond, times(OWN, BARE)),
    atLeast(`the same with three dependencies, beside without, ${size}`, 0.95, times(DEPENDENT, OWN)),
    atLeast(`the same in \`strong\` mode, beside eventual, ${size}`, 0.7, times(STRONG, OWN)),
    atLeast(`the same in \`strong\` mode with three dependencies, ${size}`, 0.7, times(STRONG_DEPENDENT, DEPENDENT)),
  ]
}

/** Records of about so many bytes as JSON. */
function asked(bytes: number): Asked<string> {
  const lines = Array.from({ length: Math.max(1, Math.round(bytes / 80)) }, (_, line) => ({
    line,
    text: 'some words of a line '.repeat(2),
    ok: true,
  }))
  const expected = (id: string) => ({ id, lines })
  return { keys: Array.from({ length: CALLERS * 8 }, (_, index) => `id-${index}`), expected }
}

function casesOf(port: number, asked: Asked<string>): Case[] {
  const own = (name: string, parts: Parts, options: CacheOptions = {}) => {
    const cache = createCache({ redis: clientOf(port), prefix: name, ...options })
    return caseOf(name, asked, ({ load }) => ownOfParts(load, { cache, store: 'redis', ...parts }))
  }
  return [
    bareOf(BARE, asked, new Redis(port)),
    bareOf(PIPELINED, asked, new Redis(port, { enableAutoPipelining: true })),
    own(OWN, { count: 0 }),
    own(JSON_CODEC, { count: 0, codec: 'json' }),
    own(DEPENDENT, {}),
    own(STRONG, { count: 0 }, { consistency: 'strong' }),
    own(STRONG_DEPENDENT, {}, { consistency: 'strong' }),
    ...Object.entries(redisPeers).map(([name, open]) => caseOf(name, asked, ({ load }) => open(load, new Redis(port)))),
  ]
}

function bareOf(name: string, asked: Asked<string>, redis: Redis): Case {
  const bare =
    (source: Source<object>) =>
    async (id: string): Promise<unknown> => {
      const text = await redis.get(`bare:${id}`)
      if (text !== null) return JSON.parse(text)
      const loaded = await source.load(id)
      await redis.set(`bare:${id}`, JSON.stringify(loaded))
      return loaded
    }
  return caseOf(name, asked, bare)
}

function caseOf(name: string, asked: Asked<string>, open: (source: Source<object>) => (id: string) => Promise<unknown>): Case {
  const source = newSourceOf(asked.expected)
  const call = open(source)
  return { name, check: () => checkHits(call, asked, source), run: hitting(crowdLoop(call, asked.keys, CALLERS), source) }
}
