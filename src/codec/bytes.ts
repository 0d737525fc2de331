// Knows how memory and what shows it leave as bytes and come back.

import { types } from 'node:util'
import type { Kind } from './kind.ts'

const arrayBuffer: Kind = {
  mark: '~ArrayBuffer',
  prototype: ArrayBuffer.prototype,
  lower(value: ArrayBuffer & { readonly resizable?: boolean }, down) {
    if (value.resizable === true) down.refuse('is a resizable ArrayBuffer, which would come back as a fixed one.')
    down.attach(new Uint8Array(value))
    return [this.mark, value.byteLength]
  },
  raise: ([, length], up) => up.take(length),
}

/** A view takes along the bytes that it shows and no more: around those of a Buffer lie those of others. */
function view(name: string, prototype: object, make: (memory: ArrayBuffer) => object): Kind {
  return {
    mark: `~${name}`,
    prototype,
    lower(value: ArrayBufferView, down) {
      if (types.isSharedArrayBuffer(value.buffer)) down.refuse('shows memory that threads share: return a copy.')
      down.attach(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
      return [this.mark, value.byteLength]
    },
    raise: ([, length], up) => make(up.take(length)),
  }
}

const TYPED_ARRAYS = [
  Int8Array,
  Uint8Array,
  Uint8ClampedArray,
  Int16Array,
  Uint16Array,
  Int32Array,
  Uint32Array,
  Float32Array,
  Float64Array,
  BigInt64Array,
  BigUint64Array,
]

/** The classes whose instances hold or show bytes. */
export const bytes: readonly Kind[] = [
  arrayBuffer,
  view('Buffer', Buffer.prototype, (memory) => Buffer.from(memory)),
  view('DataView', DataView.prototype, (memory) => new DataView(memory)),
  ...TYPED_ARRAYS.map((Class) => view(Class.name, Class.prototype, (memory) => new Class(memory))),
]
