// Knows JSON as bytes, and refuses the values that it would change.

import { isUtf8 } from 'node:buffer'
import { attempt, type Codec } from './codec.ts'
import { builtIn } from './kinds.ts'
import { Lowering } from './lowering.ts'

/** Stands for the value undefined, which functions often return. It is not JSON, so it stands for nothing else. */
const UNDEFINED = 'undefined'

/**
 * Plain JSON, readable by whatever reads the store. A value that JSON would change (one with a Date, a Map, undefined, NaN, -0, a cycle)
 * is a `CodecError` that says where. An object that occurs twice comes back as two equal ones. A value that is undefined itself is
 * kept, as the text `undefined`.
 */
export const json: Codec = {
  encode(value) {
    if (value === undefined) return Buffer.from(UNDEFINED)
    return attempt('encode the value', () => Buffer.from(JSON.stringify(new Lowering(builtIn, false).tree(value))))
  },
  decode(bytes) {
    return attempt('decode the bytes', () => {
      const text = textOf(bytes)
      return text === UNDEFINED ? undefined : (JSON.parse(text) as unknown)
    })
  },
}

/** The text that UTF-8 bytes hold. */
export function textOf(bytes: Uint8Array): string {
  // Else what is no UTF-8 would be replaced, and read as if it had been written so.
  if (!isUtf8(bytes)) throw new TypeError('they are not UTF-8.')
  return (Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).toString()
}
