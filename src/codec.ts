// Knows what may be given as a codec.

import { guarded, type Codec } from './codec/codec.ts'
import { json } from './codec/json.ts'
import { structured } from './codec/structured.ts'
import { show } from './duration.ts'
import { ConfigError } from './errors.ts'

export type { Codec } from './codec/codec.ts'
export { structured, type ClassCodec, type StructuredOptions } from './codec/structured.ts'

/**
 * How a function's values become bytes. `"structured"` brings back nearly all that is data, see {@link structured}. `"json"` is plain
 * JSON and refuses what that would change. `"reference"` keeps the value in this process, as it is. Or a {@link Codec} of your own.
 */
export type CodecOption = 'structured' | 'json' | 'reference' | Codec

const withoutClasses = structured()

/** The codec that is asked for, by default `"structured"`. All that it throws is a `CodecError`. */
export function resolveCodec(option: CodecOption | undefined): Codec | 'reference' {
  if (option === undefined || option === 'structured') return withoutClasses
  if (option === 'json') return json
  if (option === 'reference') return option
  if (isCodec(option)) return guarded(option)
  const expected = '"structured", "json", "reference" or an object with the functions `encode` and `decode`'
  throw new ConfigError(`Expected \`codec\` to be ${expected}, got ${show(option)}.${hint(option)}`)
}

function isCodec(option: unknown): option is Codec {
  if (typeof option !== 'object' || option === null) return false
  const { encode, decode } = option as Partial<Codec>
  return typeof encode === 'function' && typeof decode === 'function'
}

function hint(option: unknown): string {
  return option === structured ? ' Call it: structured().' : ''
}
