// Knows how to read a Cache-Control field: its directives, what each restricts or permits, and what a badly written one means.

import { isTokenCode } from './fields.ts'
import type { FieldValue } from './fields.ts'

interface Directive {
  readonly argument: string | undefined
  /** Whether its argument was a quoted string, each time. */
  readonly isQuoted: boolean
  /** False when it was not written as a directive, or twice with different arguments. */
  readonly wellFormed: boolean
}

const BADLY_WRITTEN: Directive = { argument: undefined, isQuoted: false, wellFormed: false }

/** Directives by lower-case name. */
export type CacheControl = ReadonlyMap<string, Directive>

/** The largest number of seconds a directive can mean; greater ones are taken for it. RFC 9111 §1.2.2 */
export const MOST_SECONDS: number = 2 ** 31

/** Whether a directive is there in any form: what a *restriction* is asked with, since one badly written still restricts. */
export function restricts(directives: CacheControl, name: string): boolean {
  return directives.has(name)
}

/** Whether a directive is there as it should be written, without an argument: what a *permission* is asked with. */
export function permits(directives: CacheControl, name: string): boolean {
  const directive = directives.get(name)
  return directive !== undefined && directive.wellFormed && directive.argument === undefined
}

/** The seconds a directive gives, up to 2^31; undefined when it is absent or does not say a number of seconds. */
export function validSeconds(directives: CacheControl, name: string): number | undefined {
  const directive = directives.get(name)
  return directive === undefined || !directive.wellFormed ? undefined : deltaSeconds(directive.argument)
}

/** A non-negative whole number of seconds as fields write it, up to 2^31. RFC 9111 §1.2.2 */
export function deltaSeconds(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x30 || code > 0x39) return undefined
  }
  return Math.min(Number(text), MOST_SECONDS)
}

/**
 * Reads a Cache-Control field. Never throws: what is not a directive is read word by word, each word a badly written directive, so that
 * `max-age=60; private` still is private. RFC 9111 §5.2
 */
export function parseCacheControl(value: FieldValue): CacheControl {
  const directives = new Map<string, Directive>()
  if (value === undefined || value === null) return directives
  // Line by line: a quoted string that one line does not close must not swallow the next line.
  if (Array.isArray(value)) for (const line of value) parseLine(String(line), directives)
  else parseLine(String(value), directives)
  return directives
}

function parseLine(line: string, directives: Map<string, Directive>): void {
  let at = 0
  while (at < line.length) {
    at = skipSeparators(line, at)
    const nameEnd = skipToken(line, at)
    const argument = line[nameEnd] === '=' ? readArgument(line, nameEnd + 1) : { text: undefined, isQuoted: false, end: nameEnd }
    const end = argument === undefined ? nameEnd : skipSpace(line, argument.end)
    if (argument !== undefined && nameEnd > at && (end === line.length || line[end] === ',')) {
      add(directives, line.slice(at, nameEnd), { argument: argument.text, isQuoted: argument.isQuoted, wellFormed: true })
      at = end
    } else at = readWords(line, at, directives)
  }
}

/** Takes each word of a badly written element for a badly written directive; returns where the next element begins. */
function readWords(line: string, from: number, directives: Map<string, Directive>): number {
  let at = from
  // Behind a quotation mark that is out of place it is anyone's guess which commas separate, so the rest of the line belongs to the element.
  let lastElement = false
  while (at < line.length && (lastElement || line[at] !== ',')) {
    const end = skipToken(line, at)
    if (end > at) add(directives, line.slice(at, end), BADLY_WRITTEN)
    else if (line[at] === '"') lastElement = true
    at = Math.max(end, at + 1)
  }
  return at
}

/** A token or a quoted string; undefined for a quoted string that is not closed. RFC 9111 §5.2: both forms of every argument. */
function readArgument(line: string, from: number): { text: string; isQuoted: boolean; end: number } | undefined {
  if (line[from] !== '"') {
    const end = skipToken(line, from)
    return { text: line.slice(from, end), isQuoted: false, end }
  }
  let text = ''
  for (let at = from + 1; at < line.length; at++) {
    if (line[at] === '"') return { text, isQuoted: true, end: at + 1 }
    if (line[at] === '\\') at++
    text += line[at] ?? ''
  }
  return undefined
}

function add(directives: Map<string, Directive>, written: string, directive: Directive): void {
  const name = written.toLowerCase()
  const before = directives.get(name)
  // RFC 9111 §4.2.1: of directives that conflict none may be relied on; the same one said twice is no conflict.
  const agrees = before === undefined || (before.wellFormed && before.argument === directive.argument)
  directives.set(name, agrees ? { ...directive, isQuoted: directive.isQuoted && before?.isQuoted !== false } : BADLY_WRITTEN)
}

function skipToken(line: string, from: number): number {
  let at = from
  while (at < line.length && isTokenCode(line.charCodeAt(at))) at++
  return at
}

function skipSpace(line: string, from: number): number {
  let at = from
  while (line[at] === ' ' || line[at] === '\t') at++
  return at
}

function skipSeparators(line: string, from: number): number {
  let at = from
  while (line[at] === ',' || line[at] === ' ' || line[at] === '\t') at++
  return at
}
