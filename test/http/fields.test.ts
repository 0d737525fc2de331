import { expect, test } from 'vitest'
import { isToken, isTokenCode, linesOf, membersOf, valueOf } from '../../middleware/http/fields.ts'

test('a field is its lines, one value, or a list', () => {
  const fields = { a: 'x, y', b: ['x', 'y, z'], c: 5, d: '', e: undefined }
  expect(linesOf(fields, 'b')).toEqual(['x', 'y, z'])
  expect(valueOf(fields, 'b')).toBe('x, y, z')
  expect(membersOf(fields, 'b')).toEqual(['x', 'y', 'z'])
  expect(valueOf(fields, 'c')).toBe('5')
  expect(valueOf(fields, 'd')).toBe('')
  expect(valueOf(fields, 'e')).toBeUndefined()
  expect(valueOf(fields, 'f')).toBeUndefined()
})

// RFC 9110 §5.6.1.2: "A recipient MUST parse and ignore a reasonable number of empty list elements".
test('empty members and spaces are nothing, quoted strings are whole', () => {
  expect(membersOf({ a: ', x ,,\t"y, \\", z" ,' }, 'a')).toEqual(['x', '"y, \\", z"'])
  expect(membersOf({ a: ['"open', 'next'] }, 'a')).toEqual(['"open', 'next'])
  expect(membersOf({ a: '"\\' }, 'a')).toEqual(['"\\'])
})

test('what every object inherits is no field', () => {
  const fields = {}
  for (const name of ['constructor', '__proto__', 'hasOwnProperty', 'toString']) {
    expect(valueOf(fields, name)).toBeUndefined()
    expect(membersOf(fields, name)).toEqual([])
  }
})

// RFC 9110 §5.6.2: "token = 1*tchar".
test('a token has no separators, no spaces and no other alphabet', () => {
  const characters = Array.from({ length: 300 }, (_, code) => String.fromCharCode(code))
  const found = characters.filter((char) => isTokenCode(char.charCodeAt(0))).join('')
  expect(found).toBe("!#$%&'*+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz|~")
  expect(isToken('X-Tenant')).toBe(true)
  for (const text of ['', 'a b', 'a:', 'ä', '"a"', 'a\r\n']) expect(isToken(text)).toBe(false)
})
