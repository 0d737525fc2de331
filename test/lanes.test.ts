import { expect, test } from 'vitest'
import { Lanes } from '../src/lanes.ts'
import { Frame } from '../src/tracking.ts'

test('a load that is given up leaves the line, and the lane goes to the next', async () => {
  const lanes = new Lanes(1)
  const [first, left, last] = [new Frame(0, undefined), new Frame(0, undefined), new Frame(0, undefined)]
  expect(lanes.enter(first)).toBe(true)
  const [leaving, waiting] = [lanes.enter(left), lanes.enter(last)]
  lanes.giveUp(left)
  expect(await leaving).toBe(false)
  lanes.leave(first)
  expect(await waiting).toBe(true)
})
