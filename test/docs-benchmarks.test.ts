// The figures of docs/benchmarks.md are those of bench/results.json, and there are no others.
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { pageWith } from '../bench/page.ts'
import { readResults, type Results } from '../bench/results.ts'

const page = readFileSync('docs/benchmarks.md', 'utf8')
const results = readResults()

/** Line by line, however its tables are aligned. */
function linesOf(text: string): string[] {
  const lines = text.split('\n').map((line) => line.replaceAll(/-{2,}/g, '--').replaceAll(/ +/g, ' '))
  return lines.filter((line) => line !== '')
}

/** The same results with the first figure of a suite changed. */
function mutated(name: string): Results {
  const changed = structuredClone(results) as unknown as { suites: Record<string, { tables: { rows: unknown[][] }[] }> }
  const row = changed.suites[name]!.tables[0]!.rows[0]!
  row[1] = Number(row[1]) * 2 + 1
  return changed as unknown as Results
}

describe('docs/benchmarks.md', () => {
  test('says what the results say; else run `npm run bench -- docs`', () => {
    expect(linesOf(pageWith(page, results))).toEqual(linesOf(page))
  })

  for (const name of Object.keys(results.suites)) {
    test(`says something else when a figure of ${name} does`, () => {
      expect(linesOf(pageWith(page, mutated(name)))).not.toEqual(linesOf(page))
    })
  }

  test('has no place for a suite that is not in it', () => {
    const { suites } = results
    const [first] = Object.values(suites)
    expect(() => pageWith(page, { ...results, suites: { ...suites, unheard: first! } })).toThrow('no <!-- unheard -->')
  })

  test('has no figure that was not measured: none stands in its own words', () => {
    const words = page.replaceAll(/<!-- \S+ -->\n[^]*?<!-- end -->/g, '')
    expect(words.match(/\d[\d.,]* ?(?:×|ns|µs|bytes an entry)/g)).toBeNull()
  })
})
