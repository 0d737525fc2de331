import { expect, test } from 'vitest'
import { adviceFor, nameOfInput } from '../../middleware/http/advice.ts'

test('each input has a name and advice that says what to write', () => {
  expect(nameOfInput('accept-language')).toBe('the request header "accept-language"')
  expect(nameOfInput('ip')).toContain('"ip"')
  expect(nameOfInput('res.getHeader(x-tenant)')).toBe('the response field "x-tenant", which an outer layer has set,')
  expect(nameOfInput('headers')).toContain('all')
  for (const input of ['cookie', 'authorization', 'headers', 'ip', 'protocol', 'host', 'x-a'])
    expect(adviceFor(input)).toContain(`\`ignore: ["${input}"]\``)
  expect(adviceFor('host')).toContain('`headers: ["host"]`')
  expect(adviceFor('cookie')).toContain('`partition`')
  expect(adviceFor('cookie')).toContain('mount it before `cached`')
})
