// Knows the built-in classes whose instances JSON would change: how each becomes a marked list, and an instance again.

import { types } from 'node:util'
import { bytes } from './bytes.ts'
import type { Down, Kind, Kinds, MarkedList } from './kind.ts'

const map: Kind = {
  mark: '~Map',
  prototype: Map.prototype,
  lower(value: Map<unknown, unknown>, down) {
    refuseProperties(value, down)
    const list: MarkedList = [this.mark]
    for (const [key, item] of value) list.push(down.part('(key)', key), down.part(key, item))
    return list
  },
  raise(list, up, id) {
    const made = new Map<unknown, unknown>()
    up.keep(id, made)
    for (let i = 1; i < list.length; i += 2) made.set(up.part(list[i]), up.part(list[i + 1]))
    return made
  },
}

const set: Kind = {
  mark: '~Set',
  prototype: Set.prototype,
  lower(value: Set<unknown>, down) {
    refuseProperties(value, down)
    const list: MarkedList = [this.mark]
    for (const item of value) list.push(down.part(list.length - 1, item))
    return list
  },
  raise(list, up, id) {
    const made = new Set<unknown>()
    up.keep(id, made)
    for (let i = 1; i < list.length; i++) made.add(up.part(list[i]))
    return made
  },
}

const date: Kind = {
  mark: '~Date',
  prototype: Date.prototype,
  lower(value: Date, down) {
    refuseProperties(value, down)
    return [this.mark, value.getTime()]
  },
  // JSON has null for the time of an invalid date.
  raise: ([, time]) => new Date(typeof time === 'number' ? time : Number.NaN),
}

const regExp: Kind = {
  mark: '~RegExp',
  prototype: RegExp.prototype,
  lower(value: RegExp, down) {
    refuseProperties(value, down)
    return [this.mark, value.source, value.flags, value.lastIndex]
  },
  raise([, source, flags, lastIndex]) {
    const made = new RegExp(source as string, flags as string)
    made.lastIndex = lastIndex as number
    return made
  },
}

const url: Kind = {
  mark: '~URL',
  prototype: URL.prototype,
  lower(value: URL, down) {
    refuseProperties(value, down)
    return [this.mark, value.href]
  },
  raise: ([, href]) => new URL(href as string),
}

/** Objects without a prototype, as JSON would not make them. */
const bare: Kind = {
  mark: '~Null',
  prototype: null,
  lower(value: object, down) {
    return [this.mark, down.properties(value)]
  },
  raise([, tree], up, id) {
    const made = Object.create(null) as object
    up.keep(id, made)
    up.define(made, tree, true)
    return made
  },
}

/** Arrays with holes, or with properties beside their items. */
const loose: Kind = {
  mark: '~Array',
  prototype: Array.prototype,
  lower(value: unknown[], down) {
    if (!Array.isArray(value)) down.refuse('has the prototype of Array but is none.')
    return [this.mark, value.length, down.properties(value)]
  },
  raise([, length, tree], up, id) {
    const made: unknown[] = []
    up.keep(id, made)
    up.define(made, tree, true)
    made.length = length as number
    return made
  },
}

/** What an error has of its own without showing it among its properties. */
const HIDDEN = ['name', 'message', 'cause', 'errors']

function error(name: string, prototype: Error, make: () => Error): Kind {
  return {
    mark: `~${name}`,
    prototype,
    lower(value: Error, down) {
      if (!types.isNativeError(value)) down.refuse(`has the prototype of ${name} but is none: make it with \`new\`.`)
      const hidden: Record<string, unknown> = {}
      for (const key of HIDDEN) {
        const property = Object.getOwnPropertyDescriptor(value, key)
        if (property?.enumerable === false) hidden[key] = down.part(key, property.value)
      }
      if (typeof value.stack === 'string') hidden['stack'] = down.part('stack', value.stack)
      return [this.mark, hidden, down.properties(value)]
    },
    raise([, hidden, shown], up, id) {
      const made = make()
      // Its own stack would lead here, and not to where the error came from.
      delete made.stack
      up.keep(id, made)
      up.define(made, hidden, false)
      up.define(made, shown, true)
      return made
    },
  }
}

const errors: readonly Kind[] = [
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError].map((Class) =>
    error(Class.name, Class.prototype, () => new Class()),
  ),
  error('AggregateError', AggregateError.prototype, () => new AggregateError([])),
]

const all: readonly Kind[] = [map, set, date, regExp, url, bare, loose, ...bytes, ...errors]

/** The classes that every codec knows. */
export const builtIn: Kinds = new Map(all.map((kind) => [kind.prototype, kind]))

function refuseProperties(value: object, down: Down): void {
  const first = Object.keys(value)[0]
  if (first !== undefined) down.refuse(`has a property of its own, ${JSON.stringify(first)}, which would be lost.`)
}

const homes = new Map<string, object>([['Object', Object.prototype]])
for (const { mark, prototype } of all) if (prototype !== null) homes.set(mark.slice(1), prototype)

/** What stands here for a prototype that is a built-in one under another identity, as all are in another realm (vm, jest). */
export function prototypeAtHome(prototype: object): object | undefined {
  const found: unknown = Object.hasOwn(prototype, 'constructor') ? prototype.constructor : undefined
  if (typeof found !== 'function' || Function.prototype.toString.call(found) !== `function ${found.name}() { [native code] }`)
    return undefined
  // Node's errors have classes of its own, which give themselves out for the built-in ones.
  return found.prototype === prototype || found.prototype instanceof Error || found === Error ? homes.get(found.name) : undefined
}
