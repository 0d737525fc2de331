// What docs/security.md says is tested is: each test that it names is in the file that it names, and no threat is without one.
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'

const page = readFileSync('docs/security.md', 'utf8')
const threats = page.split(/^(?=\d+\. )/m).slice(1)

/** The texts that a file has between quotation marks, and the names of properties: what titles are made of. "…" stands for what is filled in. */
function textsOf(file: string): ReadonlySet<string> {
  const source = readFileSync(file, 'utf8').replaceAll(/\/\/ .*$/gm, '')
  const texts = new Set<string>()
  for (const [, text = ''] of source.matchAll(/'((?:[^'\\\n]|\\.)*)'/g)) texts.add(text)
  for (const [, text = ''] of source.matchAll(/"((?:[^"\\\n]|\\.)*)"/g)) texts.add(text)
  for (const [, text = ''] of source.matchAll(/`((?:[^`\\\n]|\\.)*)`/g)) texts.add(text)
  for (const [, text = ''] of source.matchAll(/^\s*(\w+): /gm)) texts.add(text)
  return new Set(Array.from(texts, (text) => text.replaceAll(/\$\{[^}]*\}|%[sidj]|\$\w+/g, '…').replaceAll(/\\(.)/g, '$1')))
}

const named = Array.from(page.matchAll(/^ *- `(test\/[^`]+)`: (.+)$/gm), ([, file = '', title = '']) => ({ file, title }))

describe('docs/security.md', () => {
  test('names tests for each threat', () => {
    expect(threats.length).toBeGreaterThanOrEqual(32)
    for (const threat of threats) expect(threat).toMatch(/^ *- `test\/[^`]+`: /m)
  })

  test.each(named)('$file: $title', ({ file, title }) => {
    expect(existsSync(file)).toBe(true)
    const texts = textsOf(file)
    // The title of a group, and of a test in it.
    for (const part of title.split(' › ')) expect(texts).toContain(part)
  })
})
