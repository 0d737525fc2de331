// A row of some database, and loads that read it and stand still or fail where a test says so.
import { newGate, type Gate } from './gate.ts'

/** What a load does next: which gate it waits at, and whether it then fails. */
export interface Turn {
  readonly gate: Gate
  fails?: boolean
}

/** A row, and what is to happen to the next loads that read it, one turn a load; without a turn they pass. */
export class Row {
  value = 'old'
  loads = 0
  readonly #turns: Turn[] = []

  turn(): Turn {
    const turn = { gate: newGate() }
    this.#turns.push(turn)
    return turn
  }

  readonly read = async (): Promise<string> => {
    const seen = this.value
    const turn = this.#turns.shift()
    this.loads++
    await turn?.gate.wait()
    if (turn?.fails === true) throw new Error('the database is away')
    return seen
  }
}
