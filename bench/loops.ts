// Knows the loops that call what is measured: each compiled for itself, as if it stood in a program of its own.
import { setImmediate as turn } from 'node:timers/promises'
import { compileFunction } from 'node:vm'

/** So many that a turn costs none of them anything that counts. */
const IN_A_TURN = 4096

let made = 0

/** A loop that awaits one call after the other. What waits for the event loop does not pile up: it turns now and then, as where requests come. */
export function asyncLoop<K>(call: (key: K) => Promise<unknown>, keys: readonly K[]): (times: number) => Promise<void> {
  const loop = `async (times) => {
    for (let i = 1; i <= times; i++) {
      await call(keys[i % keys.length])
      if (i % ${IN_A_TURN} === 0) await turn()
    }
  }`
  return compiled(loop)(call, keys, turn) as (times: number) => Promise<void>
}

/** The same without waiting. */
export function syncLoop<K>(call: (key: K) => unknown, keys: readonly K[]): (times: number) => void {
  return compiled('(times) => { for (let i = 0; i < times; i++) call(keys[i % keys.length]) }')(call, keys, turn) as (times: number) => void
}

/** A text of its own each time: code of one text shares what V8 learns of its callees, and then inlines none of them. */
function compiled(loop: string): (...given: unknown[]) => unknown {
  return compileFunction(`return ${loop} // ${++made}`, ['call', 'keys', 'turn']) as (...given: unknown[]) => unknown
}
