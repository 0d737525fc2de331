// Knows by what the calls of one function are told apart: by the string that is the only argument, where the key adds nothing but quotes, or by the key.

import { uncut } from './uncut.ts'

/** Which call of its function something is. */
export interface Label {
  readonly label: string
  /** Whether the label is the string that is the only argument; else it is the key. */
  readonly isOfString: boolean
}

/** With the key, which may be made when it is asked for. */
export interface Keyed extends Label {
  readonly key: string
}

const SPACE = 0x20
const QUOTE = 0x22
const BACKSLASH = 0x5c
const FIRST_SURROGATE = 0xd800
const LAST_SURROGATE = 0xdfff
// V8 keeps a text that is at least so long as a part of the one that it was cut out of, which would be kept too.
const SHORTEST_CUT = 13

/** Whether two labels are of one call. */
export function isOneCall(a: Label, b: Label): boolean {
  return a.label === b.label && a.isOfString === b.isOfString
}

/** Whether a look at each character shows that the key of a string is that string and quotes. */
export function isPlain(text: string): boolean {
  // JSON is faster then, and has to write a longer one anyway.
  if (text.length >= SHORTEST_CUT) return false
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < SPACE || unit === QUOTE || unit === BACKSLASH || (unit >= FIRST_SURROGATE && unit <= LAST_SURROGATE)) return false
  }
  return true
}

/** Whether a string alone is written as it is in its key: its entry is then found by the string. */
export function isAsItIs(string: string, key: string): boolean {
  // What JSON escapes gets longer, and a digest begins otherwise.
  return key.length === string.length + 2 && key.charCodeAt(0) === QUOTE
}

/** The string that a key is of and no other, where it is written as it is: there is one key of each such string, and one string of the key. */
export function stringOf(key: string): string | undefined {
  const end = key.length - 1
  // Of two strings the key has more quotes, and of one that JSON has to escape something in, a backslash.
  const isAsItIs = key.charCodeAt(0) === QUOTE && key.indexOf('"', 1) === end && !key.includes('\\')
  return isAsItIs ? key.slice(1, end) : undefined
}

/** The call that a key is of. */
export function keyedOf(key: string): Keyed {
  const string = stringOf(key)
  return { label: string ?? key, isOfString: string !== undefined, key }
}

/** The key of a string that is written as it is there. */
export function keyOfString(string: string): string {
  return `"${string}"`
}

/** The label as a text of its own, which keeps no other that it was cut out of. */
export function lasting(call: Keyed): string {
  return call.isOfString && call.label.length >= SHORTEST_CUT ? uncut(call.label, call.key) : call.label
}
