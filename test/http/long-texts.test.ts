// What a client or a handler may send as long as it likes is read in time that grows with its length and no faster.
import { expect, test } from 'vitest'
import { parseCacheControl } from '../../middleware/http/cache-control.ts'
import { withheldFields } from '../../middleware/http/field-lists.ts'
import { membersOf } from '../../middleware/http/fields.ts'
import { groupsIn } from '../../middleware/http/groups.ts'
import { parseHttpDate } from '../../middleware/http/http-date.ts'
import { filterUrl } from '../../middleware/http/query.ts'
import { partOf } from '../../middleware/http/range.ts'
import { demandsOf } from '../../middleware/http/request-directives.ts'
import { whyTargetBypassed } from '../../middleware/http/target.ts'
import { policyOf } from '../../middleware/http/targeted.ts'
import { namedUris, normalisedUri } from '../../middleware/http/uri.ts'
import { varyWith } from '../../middleware/http/vary.ts'

const readers: Readonly<Record<string, (text: string) => unknown>> = {
  'a range': (range) => partOf('GET', { range }, { status: 200, fields: {}, length: 10 }, 0),
  'a range behind a unit': (digits) => partOf('GET', { range: `bytes=${digits}` }, { status: 200, fields: {}, length: 10 }, 0),
  'a condition of a range': (condition) =>
    partOf('GET', { range: 'bytes=0-1', 'if-range': condition }, { status: 200, fields: {}, length: 10 }, 0),
  'a date': (date) => parseHttpDate(date, 0),
  'a list': (list) => membersOf({ 'x-a': list }, 'x-a'),
  directives: (field) => parseCacheControl(field),
  'the demands of a client': (field) => demandsOf({ 'cache-control': field }),
  'a list of fields': (list) => withheldFields({ 'cache-control': `private="${list}"` }),
  'a targeted field': (field) => policyOf({ 'cdn-cache-control': field }, ['cdn-cache-control']),
  'a list of groups': (field) => groupsIn({ 'cache-groups': field }, 'cache-groups'),
  'a place': (location) => namedUris({ location }, { origin: 'http://a.test', path: '/' }),
  'a path': (path) => normalisedUri(path, {}),
  'a target': (target) => whyTargetBypassed(`/${target}`),
  'a query of which little is an argument': (query) => filterUrl(`/?${query}`, ['page'], true),
  'a Vary': (field) => varyWith(field, ['accept']),
}

const UNITS = ['"', ',', '"a",', 'a=1,', '\\"', '0', '9-', ' ', '%', '%41', '/', '/../', 'a&', '[', '[a]', ';a', 'a;b=c,', 'Mon, ', '\t,']

test.each(Object.entries(readers))('%s', (_name, read) => {
  const times = [20_000, 200_000].map((length) => {
    // Of this process alone: what else the machine does meanwhile is nobody's length.
    const start = process.cpuUsage()
    for (const unit of UNITS) read(unit.repeat(length / unit.length))
    return process.cpuUsage(start).user / 1000
  })
  // Ten times the length: a hundred times as long would be its square.
  expect(times[1]!).toBeLessThan(Math.max(1_000, 50 * times[0]!))
})
