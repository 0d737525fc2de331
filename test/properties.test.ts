// Names may be anybody's, such as those of a query: what is remembered of them must not grow with what ever came.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { propertiesNamed } from '../src/properties.ts'

test('what is known of names is bounded, however many have come and however long they are', () => {
  const come = (first: number): void => {
    for (let i = first; i < first + 50_000; i++) propertiesNamed([`name-${i}`, 'b', 'a'])
    for (let i = first; i < first + 500; i++) propertiesNamed([`${'long'.repeat(5000)}-${i}`, 'b', 'a'])
  }
  come(0)
  const before = heapUsed()
  come(50_000)
  expect(heapUsed() - before).toBeLessThan(2_000_000)
  expect(propertiesNamed(['name-1', 'b', 'a'])).toMatchObject({
    names: ['a', 'b', 'name-1'],
    places: [2, 1, 0],
    openings: ['{"a":', ',"b":', ',"name-1":'],
  })
})

function heapUsed(): number {
  setFlagsFromString('--expose-gc')
  ;(runInNewContext('gc') as () => void)()
  return process.memoryUsage().heapUsed
}
