// Stores of one's own: in a map, in a folder, and one that is slow or fails where a test says so.
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../../src/index.ts'
import type { Gate } from './gate.ts'

export interface MapStore extends Store {
  readonly bytes: Map<string, Uint8Array>
  /** The time to live that each key was last set with. */
  readonly ttls: Map<string, number>
  readonly closes: () => number
}

export function newMapStore(): MapStore {
  const bytes = new Map<string, Uint8Array>()
  const ttls = new Map<string, number>()
  let closes = 0
  return {
    bytes,
    ttls,
    closes: () => closes,
    get: async (key) => bytes.get(key),
    async set(key, value, ttlMs) {
      bytes.set(key, value)
      ttls.set(key, ttlMs)
    },
    delete: async (key) => void bytes.delete(key),
    close: async () => void closes++,
  }
}

/** A file for each key, which appears whole or not at all. */
export function newFileStore(folder: string): Store {
  const fileOf = (key: string): string => join(folder, createHash('sha256').update(key).digest('hex'))
  let parts = 0
  return {
    get: (key) => readFile(fileOf(key)).catch(nothingIfAbsent),
    async set(key, bytes) {
      const part = `${fileOf(key)}.${process.pid}.${++parts}`
      await mkdir(folder, { recursive: true })
      await writeFile(part, bytes)
      await rename(part, fileOf(key))
    },
    delete: (key) => rm(fileOf(key), { force: true }),
    close: async () => {},
  }
}

function nothingIfAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== 'ENOENT') throw error
}

type Method = keyof Store

export interface FaultyStore extends Store {
  /** How often each function was called. */
  readonly calls: Record<Method, number>
  /** What these functions do from now on: fail, wait at a gate, or as the store behind does. */
  turn(methods: readonly Method[], to: Error | Gate | 'well'): void
}

/** The store behind, until it is told to fail. */
export function newFaultyStore(behind: Store): FaultyStore {
  const faults = new Map<Method, Error | Gate>()
  const calls: Record<Method, number> = { get: 0, set: 0, delete: 0, close: 0 }
  const pass = async <T>(method: Method, run: () => Promise<T>): Promise<T> => {
    calls[method]++
    const fault = faults.get(method)
    if (fault instanceof Error) throw fault
    await fault?.wait()
    return await run()
  }
  return {
    calls,
    turn(methods, to) {
      for (const method of methods) {
        if (to === 'well') faults.delete(method)
        else faults.set(method, to)
      }
    },
    get: (key) => pass('get', () => behind.get(key)),
    set: (key, bytes, ttlMs) => pass('set', () => behind.set(key, bytes, ttlMs)),
    delete: (key) => pass('delete', () => behind.delete(key)),
    close: () => pass('close', () => behind.close()),
  }
}
