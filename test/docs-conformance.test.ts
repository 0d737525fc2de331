// What docs/conformance.md says of the public suite is what the results that are kept say.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { notPassed, notPassedOfCurrent } from './conformance/not-passed.ts'
import { published, resultsOf, sharesOf, tables } from './conformance/tables.ts'

const page = readFileSync('docs/conformance.md', 'utf8')
const own = { current: resultsOf('results-current.json'), older: resultsOf('results.json') }

/** The cells of a table, however they are aligned. */
function cellsOf(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('|') && !/^[|\s-]+$/.test(line))
  return rows.map((row) => row.split('|').map((cell) => cell.trim()))
}

describe('docs/conformance.md', () => {
  for (const [name, text] of Object.entries(tables())) {
    test(`has the table of ${name} as the results have it; else run npm run conformance:tables`, () => {
      const [, written = ''] = new RegExp(`<!-- ${name} -->\n([^]*?)<!-- end -->`).exec(page) ?? []
      expect(cellsOf(written)).toEqual(cellsOf(text))
    })
  }

  test('counts each test of both editions once', () => {
    const all = published()
    const counts = Object.values(own).map((results) => sharesOf(results, all).map((share) => Number(share.split(' of ')[1])))
    expect(counts).toEqual([
      [all.required, all.optimal],
      [157, 86],
    ])
  })

  test('says how many tests of the older edition ask of an Age what the current one forbids', () => {
    const ofAge = Object.keys(notPassed).filter((id) => id.startsWith('age-parse-') && own.current[id] !== own.older[id])
    expect([ofAge.length, /\bNine tests of the older one\b/.test(page)]).toEqual([9, true])
  })

  test('gives a reason for each test that is not passed, and for no other', () => {
    const failed = [own.current, own.older].flatMap((results) => Object.keys(results).filter((id) => results[id] !== 'pass'))
    const reasons = Object.keys({ ...notPassed, ...notPassedOfCurrent })
    expect(reasons.sort()).toEqual([...new Set(failed)].sort())
  })
})
