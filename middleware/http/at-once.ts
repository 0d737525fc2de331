// Knows how to answer with all of a stored response where nobody else has a hand in it: with its fields in one list.

import type { ServerResponse } from 'node:http'
import { cacheStatusWith } from './cache-status.ts'
import { readyOf } from './ready.ts'
import type { Ready } from './ready.ts'
import { isPlain, own } from './replay.ts'
import type { ReplayOptions, ReplayRequest } from './replay.ts'
import type { StoredResponse } from './stored-response.ts'
import { varyWith } from './vary.ts'

/** A stored response that is served again and again as it is. */
export class AtOnce {
  readonly #ready: Ready
  /** Names and values by turns, without what each answer says anew. */
  readonly #fields: readonly (string | readonly string[])[]
  readonly #ageAtArrival: number

  constructor(stored: StoredResponse) {
    this.#ready = readyOf(stored)
    const { fields, byName } = this.#ready
    this.#fields = fields
      .filter(({ name }) => !/^(?:age|cache-status)$/i.test(name))
      .flatMap(({ name, value, nominated }) => [name, nominated === undefined ? value : (varyWith(undefined, nominated) ?? '')])
    this.#ageAtArrival = Number(byName.get('age') ?? 0) || 0
  }

  /** Answers as `replay` does; false where it has not, since a request wants something else, or someone has touched the response. */
  send(res: ServerResponse, { method, fields }: ReplayRequest, { age, outcome }: ReplayOptions & { readonly age: number }): boolean {
    const { stored, whole, byName } = this.#ready
    if (!whole.isSized || !wantsAll(fields) || !isUntouched(res)) return false
    const list = [...this.#fields, 'Age', String(this.#ageAtArrival + Math.max(0, Math.floor(age / 1000)))]
    const status = outcome === undefined ? byName.get('cache-status') : cacheStatusWith(byName.get('cache-status'), outcome)
    if (status !== undefined) list.push('Cache-Status', status)
    if (stored.statusMessage !== '') res.statusMessage = stored.statusMessage
    res.writeHead(whole.status, list as string[])
    if (method === 'HEAD' || whole.body.byteLength === 0) res.end()
    else res.end(whole.body)
    return true
  }
}

function wantsAll(fields: ReplayRequest['fields']): boolean {
  return fields['if-none-match'] === undefined && fields['if-modified-since'] === undefined && fields['range'] === undefined
}

/** Whether nobody has put a field on a response, stands around it, or waits for its end: who does looks there for fields, and finds no list. */
function isUntouched(res: ServerResponse): boolean {
  // Node.js itself waits once.
  const isAlone = res.listenerCount('finish') <= 1 && res.listenerCount('close') === 0
  return isAlone && isPlain(res) && res.setHeader === own.setHeader && res.getHeaderNames().length === 0
}
