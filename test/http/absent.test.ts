// What a handler looked for and did not find: who has it is not given its answer.
import { expect, test } from 'vitest'
import { areUnwrapped, foundOn } from '../../middleware/http/absent.ts'

const labels = ['res.json', 'res.send']
const wrapped = { json: () => {} }

test('ways to answer are looked at on the response alone, and say the same as a look at all places', () => {
  for (const [res, is] of [
    [{}, true],
    [{ user: 'ann' }, true],
    [wrapped, false],
    [Object.create(wrapped) as object, true],
  ] as const) {
    expect(areUnwrapped(res, labels)).toBe(is)
    expect(foundOn([{ target: res, label: 'res' }], labels)).toBe(is ? undefined : 'res.json')
  }
})

test('anything else that was looked for takes a look at all places', () => {
  for (const other of ['req.json', 'res.user', 'res.*', 'res', 'res.locals', 'ctx.res.json', 'res[Symbol(json)]'])
    expect([other, areUnwrapped({}, [...labels, other])]).toEqual([other, false])
})
