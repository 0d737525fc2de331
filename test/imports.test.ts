// The floors of the house (docs/architecture.md draws them) and the rule that imports go one way: towards the first floor of this list.
import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'

const floors: Readonly<Record<string, readonly string[]>> = {
  words: ['src/errors', 'src/duration', 'src/options', 'src/uncut'],
  keys: [
    'src/unkeyable',
    'src/recent-keys',
    'src/properties',
    'src/label',
    'src/key',
    'src/flat-key',
    'src/leaves',
    'src/ref',
    'src/clearable',
  ],
  values: [...filesIn('src/codec').map(nameOf), 'src/codec', 'src/read-once', 'src/isolate'],
  mechanisms: [
    'src/name-records',
    'src/name-sets',
    'src/clear-log',
    'src/tracking',
    'src/transaction',
    'src/abort',
    'src/flight',
    'src/flights',
    'src/lanes',
    'src/patience',
    'src/entry',
    'src/freshness',
    'src/coarse-clock',
  ],
  places: [
    ...filesIn('src/redis').map(nameOf),
    'src/budget',
    'src/slots',
    'src/memory',
    'src/entry-bytes',
    'src/epochs',
    'src/own-store',
    'src/remote',
    'src/admission',
    'src/writes',
    'src/entries',
  ],
  engine: [
    'src/stats',
    'src/config',
    'src/engine',
    'src/place',
    'src/call',
    'src/runs',
    'src/written',
    'src/looks',
    'src/arrival',
    'src/staleness',
    'src/ending',
    'src/leading',
    'src/lead',
    'src/loads',
    'src/coming',
    'src/strong',
    'src/hits',
    'src/answering',
    'src/calls',
  ],
  handles: [
    'src/signatures',
    'src/memoize-options',
    'src/pacing',
    'src/cached-handle',
    'src/declared',
    'src/definition',
    'src/many',
    'src/memoize',
    'src/cached-function',
    'src/getter',
    'src/decorators',
    'src/cache',
  ],
  'doors of the engine': ['src/index', 'src/door', 'src/testing'],
  'words of HTTP': ['fields', 'http-date', 'path-pattern', 'query', 'uri', 'plain-url', 'content', 'body', 'http2', 'property'].map(inHttp),
  'rules of HTTP': [
    'cache-control',
    'field-lists',
    'targeted',
    'freshness',
    'vary',
    'request-directives',
    'storable',
    'conditional',
    'range',
    'target',
    'cache-status',
    'groups',
    'posted',
    'copy',
    'inside',
  ].map(inHttp),
  'acts of HTTP': [
    'unwatched',
    'head',
    'client',
    'stored-response',
    'request-key',
    'harmless',
    'absent',
    'added',
    'shadow',
    'socket-input',
    'advice',
    'watched-headers',
    'unkeyed',
    'watched-socket',
    'watched-fields',
    'watched-places',
    'departure',
    'capture',
    'leaving',
    'ready',
    'replay',
    'at-once',
    'revalidation',
    'seal',
    'unheard',
    'hold',
    'visit',
    'instead',
    'injected',
  ].map(inHttp),
  route: [
    'route-name',
    'option-values',
    'option-calls',
    'route-options',
    'resolved-options',
    'known-calls',
    'route-calls',
    'front-route',
    'front-run',
    'route-handle',
    'passage',
    'reads',
    'judgement',
    'filled',
    'fill',
    'variants',
    'mutation-options',
    'mutation',
    'refresh',
    'front',
    'nesting',
    'route-dependencies',
    'handler-loads',
    'hits',
    'answers',
    'route',
  ].map(inHttp),
  doors: [...filesIn('middleware/koa').map(nameOf), 'middleware/express', 'middleware/koa'],
  demo: filesIn('demo').map(nameOf),
}

const order = Object.keys(floors)
const floorOf = new Map(order.flatMap((floor) => (floors[floor] ?? []).map((name) => [name, floor])))
const doors = ['src/index', 'src/door', 'middleware/express', 'middleware/koa']
const files = ['src', 'middleware', 'demo'].flatMap(filesIn)

describe.each(files)('%s', (file) => {
  const name = nameOf(file)
  const imports = importsOf(file)

  test('is on a floor', () => {
    const advice = `${file} is on no floor. Add it to \`floors\` in test/imports.test.ts, on the first one that holds all it imports, and to docs/architecture.md.`
    expect(floorOf.has(name), advice).toBe(true)
  })

  test('imports from its own floor and those before it', () => {
    const wrong = imports.filter((it) => isOurs(it) && level(nameOf(it)) > level(name))
    expect(wrong, `${file} is on the floor "${floorOf.get(name)}"; what it imports here is on a later one.`).toEqual([])
  })

  test('enters other folders by their doors', () => {
    const wrong = imports.filter((it) => isOurs(it) && treeOf(it) !== treeOf(name) && !doors.includes(nameOf(it)))
    expect(wrong, `From another folder, import from ${doors.join(', ')}.`).toEqual([])
  })

  test('knows no framework beyond its own', () => {
    expect(imports.filter((it) => foreign(name)?.test(it))).toEqual([])
  })
})

/** What a file may not know: the engine nothing of HTTP, the rules and acts no framework, a door no framework but its own. */
function foreign(name: string): RegExp | undefined {
  if (name.startsWith('src/')) return /^(node:)?https?2?$|^(express|koa|@koa)\b/
  if (name.startsWith('middleware/http/')) return /^(express|koa|@koa)\b/
  if (name === 'middleware/express') return /^(koa|@koa)\b/
  if (name === 'middleware/koa') return /^express\b/
  return undefined
}

/** Relative imports as paths of this project, packages as they are written. */
function importsOf(file: string): string[] {
  const code = readFileSync(file, 'utf8').replaceAll(/^\s*(\/\/|\/?\*).*$/gm, '')
  const found = [...code.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"]([^'"]+)['"]/g)].map(([, path = '']) => path)
  return found.map((path) => (path.startsWith('.') ? posix.join(posix.dirname(file), path) : path))
}

function filesIn(folder: string): string[] {
  const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return found.filter((path) => path.endsWith('.ts')).map((path) => join(folder, path))
}

function inHttp(name: string): string {
  return `middleware/http/${name}`
}

function nameOf(file: string): string {
  return file.replace(/\.ts$/, '')
}

function isOurs(path: string): boolean {
  return /^(src|middleware|demo)\//.test(path)
}

function treeOf(path: string): string {
  return path.split('/')[0] ?? ''
}

/** A file on no floor counts as the highest: its own test says so. */
function level(name: string): number {
  const floor = floorOf.get(name)
  return floor === undefined ? order.length : order.indexOf(floor)
}
