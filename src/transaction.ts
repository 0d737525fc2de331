// Knows transactions: clears that wait until the work they belong to has ended.

import { AsyncLocalStorage } from 'node:async_hooks'
import type { RecordKind } from './clear-log.ts'
import { overlaps, type Ref } from './ref.ts'
import type { Readers } from './tracking.ts'

/** What is to be recorded: a kind and a ref. */
export interface NewRecord {
  readonly kind: RecordKind
  readonly ref: Ref
}

/** One transaction's records, in the order in which they were asked for. */
export class Transaction {
  readonly records: NewRecord[] = []
  /** What is to be done once they count. */
  readonly sequels: Array<() => void> = []
  /** What is recorded after the work has ended belongs to it no more. */
  open = true

  /** Whether what was computed from these refs is older than what the transaction has written. */
  covers(refs: readonly Ref[]): boolean {
    return this.records.some((record) => refs.some((ref) => overlaps(record.ref, ref)))
  }
}

/** A cache's transaction that code runs in. Others may be around it: open ones of other caches, and some that have ended since. */
interface Scope {
  readonly of: Transactions
  readonly transaction: Transaction
  readonly outer: Scope | undefined
}

// One for all caches, made with the first transaction: on Node 20 each storage that was ever used makes every await of the process dearer.
let storage: AsyncLocalStorage<Scope> | undefined

/** Finds the transaction that code runs in, through every await. */
export class Transactions {
  #open = 0
  readonly #readers: Readers

  constructor(readers: Readers) {
    this.#readers = readers
  }

  /** Whether none is open. One whose work never ends is counted for good, and only makes calls dearer. */
  get isIdle(): boolean {
    return this.#open === 0
  }

  current(): Transaction | undefined {
    // Most calls are made while there is none.
    if (this.isIdle) return undefined
    let scope = storage!.getStore()
    while (scope !== undefined && scope.of !== this) scope = scope.outer
    return scope?.transaction.open === true ? scope.transaction : undefined
  }

  /** Runs work in a new transaction and hands it over once it resolved; when it throws, what was recorded in it is dropped. */
  async run<T>(work: () => Promise<T>, commit: (transaction: Transaction) => Promise<void>): Promise<T> {
    // One within another is a part of it: what it cleared stays, also when it threw and that was caught.
    if (this.current() !== undefined) return await work()
    const transaction = new Transaction()
    storage ??= new AsyncLocalStorage()
    this.#open++
    this.#readers.count++
    try {
      const value = await storage.run({ of: this, transaction, outer: openOf(storage.getStore()) }, work)
      this.#end(transaction)
      await commit(transaction)
      return value
    } finally {
      this.#end(transaction)
    }
  }

  #end(transaction: Transaction): void {
    if (!transaction.open) return
    transaction.open = false
    this.#open--
    this.#readers.count--
  }
}

/** What is still open of scopes around each other: else a chain of transactions, each begun in the last one, would keep them all. */
function openOf(scope: Scope | undefined): Scope | undefined {
  if (scope === undefined) return undefined
  const outer = openOf(scope.outer)
  if (!scope.transaction.open) return outer
  return outer === scope.outer ? scope : { ...scope, outer }
}
