// What one load that waits is told, whether or not it listens at the time.
import { expect, test } from 'vitest'
import { Waiter, type Word } from '../../src/redis/waiter.ts'
import { callOf } from './process.ts'

test.each<[said: Word[], heard: Word]>([
  [['again', 'stored'], 'stored'],
  [['stored', 'again'], 'stored'],
  [['failed', 'overtaken'], 'failed'],
  [['stored', 'late'], 'late'],
  [['stored', 'left'], 'left'],
])('of what is said while it does not listen it hears what says most: of %j, %s', async (said, heard) => {
  const waiter = new Waiter('a lease', callOf('user', '42'))
  for (const word of said) waiter.say(word)
  expect(await waiter.hear(60_000, 60_000)).toBe(heard)
  const next = waiter.hear(60_000, 60_000)
  waiter.say('again')
  expect(await next).toBe('again')
  waiter.end()
})
