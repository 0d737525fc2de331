// Knows what of a request goes onto a copy of it that has no client: what selects its response, and nothing of who asks.

import { validateHeaderValue } from 'node:http'
import { linesOf, membersOf } from './fields.ts'
import type { Fields } from './fields.ts'

// Where an application is, as proxies in front of it have it; whom they ask for is another matter.
const OF_PLACE = ['host', 'x-forwarded-host', 'x-forwarded-proto', 'x-forwarded-port', 'x-forwarded-prefix', 'forwarded']

// RFC 9110 §7.6.1, §10.1.1, §13, §14: of one connection, one client's copy or one body.
const OF_MESSAGE =
  'connection content-length expect if-match if-modified-since if-none-match if-range if-unmodified-since keep-alive proxy-connection range te trailer transfer-encoding upgrade'
const OF_CLIENT = 'authorization cookie proxy-authorization x-forwarded-for x-real-ip'
const NEVER: ReadonlySet<string> = new Set(`${OF_MESSAGE} ${OF_CLIENT}`.split(' '))
// Such as X-Api-Key, X-Auth-Token or X-Session-Id: with them a layer takes the copy for its client, and may act on what it never gets.
const SECRET = /(?:^|[-_])(?:api-?key|auth|credentials?|csrf|jwt|password|secret|session|sid|token|xsrf)(?:$|[-_])/

/** Whether a copy can have all that selects the response to a request: `selecting` are lower-case names. */
export function isCopyable(fields: Fields, selecting: readonly string[]): boolean {
  return selecting.every((name) => fields[name] === undefined || !(NEVER.has(name) || SECRET.test(name)))
}

/** The head of a copy, as text of bytes; undefined where something in it would not be read as it stands. */
export function headOfCopy(
  request: { readonly target: string; readonly version: string; readonly fields: Fields },
  selecting: readonly string[],
): string | undefined {
  const { target, version, fields } = request
  const forwarded = withoutClients(fields)
  const placed = { ...fields, forwarded: forwarded === '' ? undefined : forwarded }
  const lines = [`GET ${target} HTTP/${version}`, 'Connection: close']
  for (const name of new Set([...OF_PLACE, ...selecting])) {
    for (const line of linesOf(placed, name)) lines.push(`${name}: ${line}`)
  }
  const isTarget = /^[!-~\x80-\xFF]+$/.test(target)
  return isTarget && lines.every(isLine) ? `${lines.join('\r\n')}\r\n\r\n` : undefined
}

// An outer layer may have put there what no parser would.
function isLine(line: string): boolean {
  try {
    validateHeaderValue('line', line)
    return true
  } catch {
    return false
  }
}

// RFC 7239 §4: what each proxy was asked, and not by whom.
function withoutClients(fields: Fields): string {
  const ofProxy = (member: string): string =>
    member
      .split(';')
      .filter((pair) => /^\s*(?:host|proto)=/i.test(pair))
      .join(';')
  return membersOf(fields, 'forwarded').map(ofProxy).filter(Boolean).join(', ')
}
