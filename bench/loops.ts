// Knows the loops that call what is measured: each compiled for itself, as if it stood in a program of its own.
import { compileFunction } from 'node:vm'

let made = 0

/** A loop that awaits one call after the other. */
export function asyncLoop<K>(call: (key: K) => Promise<unknown>, keys: readonly K[]): (times: number) => Promise<void> {
  return compiled('async (times) => { for (let i = 0; i < times; i++) await call(keys[i % keys.length]) }')(call, keys) as (
    times: number,
  ) => Promise<void>
}

/** The same without waiting. */
export function syncLoop<K>(call: (key: K) => unknown, keys: readonly K[]): (times: number) => void {
  return compiled('(times) => { for (let i = 0; i < times; i++) call(keys[i % keys.length]) }')(call, keys) as (times: number) => void
}

/** A text of its own each time: code of one text shares what V8 learns of its callees, and then inlines none of them. */
function compiled(loop: string): (call: unknown, keys: unknown) => unknown {
  return compileFunction(`return ${loop} // ${++made}`, ['call', 'keys']) as (call: unknown, keys: unknown) => unknown
}
