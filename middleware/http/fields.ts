// Knows header fields: how one is found by its lower-case name, combined from its lines, and read as a list.

/** The value of a field as Node.js has it, on requests and on responses. */
export type FieldValue = string | number | readonly string[] | undefined

/** Header fields by lower-case name. */
export type Fields = Readonly<Record<string, FieldValue>>

/** The lines of a field, in order; none when it is absent. `name` in lower case. */
export function linesOf(fields: Fields, name: string): readonly string[] {
  // A name may come from a Vary field, and a request's fields inherit from Object.prototype: `Vary: constructor`.
  if (!Object.hasOwn(fields, name)) return []
  const value = fields[name]
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [String(value)]
}

/** A field's value as one line, or undefined when it is absent. `name` in lower case. RFC 9110 §5.3 */
export function valueOf(fields: Fields, name: string): string | undefined {
  const lines = linesOf(fields, name)
  return lines.length === 0 ? undefined : lines.join(', ')
}

/** The members of a field that is a comma-separated list: trimmed, without empty ones, quoted strings whole. RFC 9110 §5.6.1 */
export function membersOf(fields: Fields, name: string): string[] {
  const members: string[] = []
  // Line by line: a string that one line does not close must not swallow the next line.
  for (const line of linesOf(fields, name)) {
    for (const member of splitList(line)) members.push(member)
  }
  return members
}

function splitList(line: string): string[] {
  const members: string[] = []
  let start = 0
  let quoted = false
  const take = (end: number): void => {
    const member = line.slice(start, end).trim()
    if (member !== '') members.push(member)
    start = end + 1
  }
  for (let at = 0; at < line.length; at++) {
    const char = line[at]
    if (char === '"') quoted = !quoted
    else if (quoted && char === '\\') at++
    else if (char === ',' && !quoted) take(at)
  }
  take(line.length)
  return members
}

const TOKEN_CODES: Uint8Array = new Uint8Array(128)
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") TOKEN_CODES[char.charCodeAt(0)] = 1

/** Whether a character may be part of a token, as field names and directive names are made of. RFC 9110 §5.6.2 */
export function isTokenCode(code: number): boolean {
  return TOKEN_CODES[code] === 1
}

/** Whether a text is a token, as the name of a field is. */
export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (!isTokenCode(text.charCodeAt(at))) return false
  return text !== ''
}
