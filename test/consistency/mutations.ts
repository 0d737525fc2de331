// What can be broken, one promise at a time, and under which faults it has to show: edits of a copy of the build.
import type { Edit } from './build.ts'
import type { Profile } from './orders.ts'
import type { Schedule } from './run.ts'

export interface Mutation {
  /** What the broken library does. */
  readonly name: string
  /** The guarantee of the design that this breaks. */
  readonly breaks: 'G1' | 'G2' | 'G3' | 'G4' | 'clocks' | 'tracking' | 'use'
  readonly edits: readonly Edit[]
  readonly schedule: Omit<Schedule, 'rounds'>
}

const ARRIVAL = 'src/arrival.js'
const LOADS = 'src/loads.js'
const LOOKS = 'src/looks.js'
const RUNS = 'src/runs.js'
const ADMISSION = 'src/admission.js'
const ENTRIES = 'src/entries.js'
const FRESHNESS = 'src/freshness.js'
const POSITION = 'src/redis/position.js'
const SCRIPTS = 'src/redis/log-scripts.js'

/** Many callers of few calls, and clears while they load. */
const PRESSED: Partial<Profile> = { loops: 10, pause: 2, load: 8, clears: 0.25, colds: 0 }

/** One process clears, and the others do not hear of it. */
const ONE_WRITER: Mutation['schedule'] = {
  consistency: 'eventual',
  faults: ['connections of all but one refused'],
  writers: 1,
  length: 2000,
  longer: 2,
}

export const mutations: readonly Mutation[] = [
  {
    name: 'a caller takes what a load gives that began before a clear',
    breaks: 'G1',
    edits: [{ file: ARRIVAL, find: 'return since >= arrived.position || !this.isOvertaken(computed, since)', replace: 'return true' }],
    schedule: { consistency: 'eventual', faults: [], profile: { ...PRESSED, kinds: ['row'] } },
  },
  {
    name: 'a caller that waited does not check what it is handed',
    breaks: 'G1',
    edits: [{ file: LOADS, find: 'if (!this.arrivals.isFor(arrived, flight, outcome))', replace: 'if (false)' }],
    schedule: { consistency: 'eventual', faults: [], profile: { ...PRESSED, kinds: ['late'] } },
  },
  {
    name: 'a result counts from the end of its load',
    breaks: 'G1',
    edits: [
      { file: RUNS, find: 'checked: position,', replace: 'checked: log.position,' },
      {
        file: RUNS,
        find: 'const isCleared = position < log.position && log.clearedSince(entry.refs, position)',
        replace: 'const isCleared = false',
      },
    ],
    schedule: { consistency: 'eventual', faults: [], profile: { ...PRESSED, kinds: ['late'] } },
  },
  {
    name: 'an entry in Redis counts from the end of its load',
    breaks: 'G1',
    edits: [
      {
        file: RUNS,
        find: 'const isCleared = position < log.position && log.clearedSince(entry.refs, position)',
        replace: 'const isCleared = false',
      },
      {
        file: RUNS,
        find: 'this.#entries?.store(call, entry, lifetime, began)',
        replace: 'this.#entries?.store(call, entry, lifetime, began && this.#entries.began(began.lease))',
      },
    ],
    schedule: { consistency: 'eventual', faults: [], profile: PRESSED },
  },
  {
    name: 'what was cleared is served stale',
    breaks: 'G2',
    edits: [
      { file: ENTRIES, find: 'const entry = this.#surviving(key)', replace: 'const entry = this.#memory?.peek(key)' },
      {
        file: ENTRIES,
        find: 'if (this.#freshness.survives(entry))\n            return true;\n        this.#memory?.delete(entry);',
        replace: 'if (this.#freshness.survives(entry))\n            return true;',
      },
    ],
    schedule: { consistency: 'eventual', faults: [], profile: { kinds: ['swr'], clears: 0.3 } },
  },
  {
    name: 'what was expired is served as fresh',
    breaks: 'G2',
    edits: [{ file: FRESHNESS, find: 'const expiredAt = log.expiredSince(refs, checked)', replace: 'const expiredAt = undefined' }],
    schedule: { consistency: 'eventual', faults: [], profile: { expires: 0.5 } },
  },
  {
    name: 'an own clear that is not confirmed leaves entries from Redis alone',
    breaks: 'G2',
    edits: [{ file: 'src/clear-log.js', find: "this.#pendingFor('clear', refs) !== undefined ||", replace: '' }],
    schedule: { consistency: 'eventual', faults: ['Redis full'], profile: { clears: 0.2, colds: 0.1 } },
  },
  {
    name: 'what other processes cleared is not taken over',
    breaks: 'G3',
    edits: [{ file: POSITION, find: 'this.#log.receive(what.kind, what.ref, epoch, now)', replace: 'false' }],
    schedule: { consistency: 'eventual', faults: [] },
  },
  {
    name: 'an answer of Redis moves the position and not the records',
    breaks: 'G3',
    edits: [
      { file: POSITION, find: 'this.#receive(reply.records, reply.epoch <= reply.time ? (epoch) => epoch : undefined)', replace: '' },
    ],
    schedule: { consistency: 'strong', faults: ['messages lost'], profile: { colds: 0.1 } },
  },
  {
    name: 'an own clear passes over what was missed before it',
    breaks: 'G3',
    edits: [
      {
        file: SCRIPTS,
        find: 'whole(log.floor), records, whole(time), last }',
        replace: 'whole(log.floor), {}, whole(time), last }',
      },
    ],
    schedule: { consistency: 'eventual', faults: ['messages lost'], profile: { clears: 0.3, colds: 0.1 } },
  },
  {
    name: 'trust never ends',
    breaks: 'G3',
    edits: [
      {
        file: FRESHNESS,
        find: 'return this.#trust === undefined || now < this.#trust.verifiedAt + this.maxStaleness || ',
        replace: 'return true || ',
      },
    ],
    schedule: { consistency: 'eventual', faults: ['process parted from Redis'] },
  },
  {
    name: 'a load that runs is joined without word from Redis',
    breaks: 'G3',
    edits: [
      { file: ARRIVAL, find: '&& this.#engine.freshness.isTrusted(frame, arrived.time)', replace: '' },
      { file: ARRIVAL, find: 'this.#engine.freshness.isTrusted(entry, arrived.time)', replace: 'true' },
    ],
    schedule: { ...ONE_WRITER, profile: { loops: 40, pause: 200, slow: 1, clears: 0.5, colds: 0, kinds: ['row'] } },
  },
  {
    name: 'what is served stale needs no trust',
    breaks: 'G3',
    edits: [
      {
        file: ENTRIES,
        find: 'return entry !== undefined && freshness.isTrusted(entry, freshness.clock()) ? entry : undefined',
        replace: 'return entry',
      },
    ],
    schedule: { ...ONE_WRITER, profile: { loops: 8, kinds: ['swr'], load: 150, clears: 0.06, colds: 0 } },
  },
  {
    name: 'trust counts from the answer of a question',
    breaks: 'G3',
    edits: [{ file: POSITION, find: 'Math.max(this.verifiedAt, asked.sent)', replace: 'this.#clock()' }],
    schedule: {
      consistency: 'eventual',
      faults: ['answers late'],
      length: 2000,
      longer: 2,
      profile: { loops: 40, seldom: 0.8, colds: 0.003, clears: 0.001 },
    },
  },
  {
    name: 'trust adds up along a chain of loads',
    breaks: 'G3',
    edits: [{ file: 'src/tracking.js', find: 'if (trustFrom < this.trustFrom)', replace: 'if (false)' }],
    schedule: {
      ...ONE_WRITER,
      profile: { loops: 6, clears: 0.06, colds: 0, kinds: [...Array.from({ length: 20 }, () => 'row' as const), 'page'] },
    },
  },
  {
    name: 'strong does not ask',
    breaks: 'G3',
    edits: [{ file: 'src/calls.js', find: "const isStrong = engine.options.consistency === 'strong'", replace: 'const isStrong = false' }],
    schedule: { consistency: 'strong', faults: ['messages lost'] },
  },
  {
    name: 'strong without an answer takes what it knows for enough',
    breaks: 'G3',
    edits: [
      { file: 'src/strong.js', find: '(await asking)', replace: '(await asking) || true' },
      { file: LOOKS, find: 'isAnswered && found !== undefined', replace: 'found !== undefined' },
    ],
    schedule: { consistency: 'strong', faults: ['process parted from Redis'] },
  },
  {
    name: 'what could not be confirmed is not kept for later',
    breaks: 'G4',
    edits: [{ file: 'src/redis/unconfirmed.js', find: 'this.#waiting = this.#bounded(all)', replace: '' }],
    schedule: { consistency: 'eventual', faults: ['Redis full', 'connections cut'], profile: { colds: 0.1 } },
  },
  {
    name: 'a new generation clears nothing in a process',
    breaks: 'G4',
    edits: [{ file: POSITION, find: 'this.#log.reset()', replace: '' }],
    schedule: { consistency: 'eventual', faults: ['log evicted, nobody left who knew it'], profile: { colds: 0.3 } },
  },
  {
    name: 'entries of a lost log are taken',
    breaks: 'G4',
    edits: [
      { file: ADMISSION, find: 'isReached ? this.#admitReached', replace: 'true ? this.#admitReached' },
      { file: ADMISSION, find: 'return reached ? this.#admitReached', replace: 'return true ? this.#admitReached' },
      { file: ADMISSION, find: 'if (remote.generation !== epochs.generation)', replace: 'if (false)' },
      { file: ADMISSION, find: 'if (epochs.generation !== undefined && remote.generation !== epochs.generation)', replace: 'if (false)' },
      { file: POSITION, find: 'this.#log.forgetBefore(this.floor)', replace: '' },
    ],
    schedule: { consistency: 'eventual', faults: ['log evicted, nobody left who knew it'], profile: { colds: 0.3 } },
  },
  {
    name: 'entries older than what a process knows of the log are taken',
    breaks: 'G4',
    edits: [
      {
        file: 'src/epochs.js',
        find: 'reach: (epoch) => epoch >= shared.windowStart || shared.reach(epoch),',
        replace: 'reach: () => true,',
      },
    ],
    schedule: { consistency: 'strong', faults: ['process killed'], profile: { colds: 0.3 } },
  },
  {
    name: 'the replication id of the server is not compared',
    breaks: 'G4',
    edits: [
      { file: SCRIPTS, find: "(source ~= '' and origin ~= source)", replace: 'false' },
      { file: SCRIPTS, find: 'origin ~= source or not isPosition', replace: 'not isPosition' },
    ],
    schedule: { consistency: 'eventual', faults: ['failover, nobody left who knew the tail'], profile: { colds: 0.3 } },
  },
  {
    name: 'what says that the log is whole outlives it',
    breaks: 'G4',
    edits: [
      {
        file: SCRIPTS,
        find: "local marker = redis.call('ZRANGE', key, 0, 0)[1]",
        replace: "local marker = redis.call('GET', key .. '!')",
      },
      {
        file: SCRIPTS,
        find: "redis.call('ZADD', key, LOWEST, marker)",
        replace: "redis.call('ZADD', key, LOWEST, marker) redis.call('SET', key .. '!', marker)",
      },
      {
        file: SCRIPTS,
        find: "tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2])",
        replace: "tonumber(redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2] or 0)",
      },
    ],
    schedule: { consistency: 'eventual', faults: ['log evicted, nobody left who knew it'], profile: { colds: 0.3 } },
  },
  {
    name: 'the wall clock decides how long entries are trusted',
    breaks: 'clocks',
    edits: [{ file: 'src/cache.js', find: 'openCache(options, () => performance.now(),', replace: 'openCache(options, () => Date.now(),' }],
    schedule: { consistency: 'eventual', faults: ['process parted from Redis'] },
  },
  {
    name: 'a load that is answered by a stored result does not learn what that depends on',
    breaks: 'tracking',
    edits: [{ file: LOADS, find: 'if (reader === undefined)', replace: 'if (true)' }],
    schedule: { consistency: 'eventual', faults: [] },
  },
  {
    name: 'the answer to a mutation does not wait for its clear',
    breaks: 'G2',
    edits: [
      {
        file: 'middleware/http/mutation.js',
        find: 'const cleared = clearChanged(visit, mutation, own, clearing, openEngines)',
        replace:
          'const cleared = Promise.resolve(setTimeout(() => clearChanged(visit, mutation, own, clearing, openEngines).catch(() => {}), 50)).then(() => {})',
      },
    ],
    schedule: { consistency: 'strong', faults: [], profile: { clears: 0.3, posts: 0.6 } },
  },
  {
    name: 'what was cleared is answered in front',
    breaks: 'G2',
    edits: [
      { file: 'middleware/http/front.js', find: '!this.#isSound(found) || found.calls.still(found.entry) === undefined', replace: 'false' },
    ],
    schedule: { consistency: 'eventual', faults: [], profile: { clears: 0.2, kinds: ['front'] } },
  },
  {
    name: 'nothing is ever answered from what is kept',
    breaks: 'use',
    edits: [
      { file: ENTRIES, find: '!(freshness.isChecked(entry) || ', replace: '!(' },
      { file: ENTRIES, find: '#survives(entry) {', replace: '#survives(entry) {\n        return false;' },
      { file: ADMISSION, find: 'if (remote.generation !== epochs.generation)', replace: 'if (true)' },
    ],
    schedule: { consistency: 'eventual', faults: [] },
  },
]
