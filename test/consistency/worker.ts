// A process that has a cache, and does what it is told. The checker starts it from a build, whole or broken on purpose.
import { Deeds } from './deeds.ts'
import type { Answer, Order, WorkerOptions } from './orders.ts'
import { newRandom } from './random.ts'
import { newRecorder } from './recorder.ts'
import { newSubject } from './subject.ts'
import { setWrong } from './wrong-clock.ts'

const options = JSON.parse(process.env['WORKER'] ?? '{}') as WorkerOptions
setWrong(options.offset)
const record = newRecorder(options.record)
const mishap = (error: unknown): void =>
  record({ t: 'mishap', what: error instanceof Error ? (error.stack ?? error.message) : String(error) })
process.on('unhandledRejection', mishap)
process.on('uncaughtException', mishap)
process.on('warning', (warning) => {
  // What a front says when it begins is no mishap.
  if (warning.name === 'CacheAlchemyWarning' && (warning as { code?: string }).code !== 'FRONT') mishap(warning)
})
process.on('disconnect', () => process.exit())

const random = newRandom(options.seed)
const subject = await newSubject(options, random, mishap)
const deeds = new Deeds(subject, random, record)
const answer = (did: Answer['did']): void => void process.send?.({ did, counts: subject.counts() } satisfies Answer)
process.on('message', (order: Order) => {
  deeds.do(order).then(() => answer(order.do), mishap)
})
answer('start')
