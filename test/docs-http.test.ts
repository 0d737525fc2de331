// What docs/http.md lists is all there is: each option, and each reason that Cache-Status gives.
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const rows = readFileSync('docs/http.md', 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('|'))
const listed = rows.flatMap((row) => Array.from(row.split('|')[1]!.matchAll(/`([^`]+)`/g), ([, name = '']) => name))

/** All texts that a pattern finds in the sources of the middlewares' rules and acts, with "…" for what is filled in. */
function textsOf(pattern: RegExp, files: readonly string[] = readdirSync('middleware/http')): string[] {
  const sources = files.map((file) => readFileSync(join('middleware/http', file), 'utf8')).join('\n')
  const found = Array.from(sources.matchAll(pattern), (match) => match.slice(1).find((text) => text !== undefined)!)
  return found.map((text) => text.replaceAll(/\$\{[^}]*\}/g, '…'))
}

test('docs/http.md has a row for each option of a route and of a write', () => {
  const options = textsOf(/^ {2}(\w+)\?: /gm, ['route-options.ts'])
  const ofWrites = ['onUnconfirmed', 'again', 'groups']
  expect(options.length).toBeGreaterThan(20)
  expect(textsOf(/checkNames\(options, \[([^\]]*)\], 'invalidates'/g)).toEqual([ofWrites.map((name) => `'${name}'`).join(', ')])
  for (const name of [...options, ...ofWrites]) expect(listed).toContain(name)
})

test('docs/http.md has a row for each reason that Cache-Status gives', () => {
  const ofRules = textsOf(/return ['`]([^'`]+)['`]|[?:] ['`]([a-z][^'`]+)['`](?: : undefined|\n)/g, ['storable.ts', 'target.ts'])
  // What a capture says of itself is for the acts alone.
  const acts = readdirSync('middleware/http').filter((file) => !['capture.ts', 'departure.ts'].includes(file))
  const ofActs = textsOf(/\b(?:why\w*|detail)(?::| =) ['`]([^'`]+)['`]|#refuse\(\s*'([^']+)'/g, acts)
  expect(ofRules).toEqual(expect.arrayContaining(['event stream', 'status …', 'range', 'vary …']))
  expect(ofActs).toEqual(expect.arrayContaining(['switched off', 'params missing', 'unkeyed …', 'status … without freshness']))
  for (const reason of [...ofRules, ...ofActs]) {
    const form = new RegExp(`^${reason.replaceAll('…', '.+')}$`)
    expect([reason, listed.some((name) => form.test(name))]).toEqual([reason, true])
  }
})
