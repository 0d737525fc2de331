// A point in the middle of asynchronous work where a test holds it, does something else, and lets it go on.
import { EventEmitter, once } from 'node:events'

export interface Gate {
  /** Called by the work: pending until the gate is open. */
  wait(): Promise<void>
  /** Called by the test: resolves once the work has come to the gate, or as many pieces of work as `count`. */
  reached(count?: number): Promise<void>
  /** Lets through all who wait and all who come later. */
  open(): void
}

/** A closed gate. */
export function newGate(): Gate {
  const events = new EventEmitter().setMaxListeners(0)
  let arrivals = 0
  let isOpen = false
  return {
    async wait() {
      arrivals++
      events.emit('arrival')
      if (!isOpen) await once(events, 'open')
    },
    async reached(count = 1) {
      while (arrivals < count) await once(events, 'arrival')
    },
    open() {
      isOpen = true
      events.emit('open')
    },
  }
}
