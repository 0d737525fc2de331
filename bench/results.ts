// Knows bench/results.json: what was measured last of each suite, where, and beside which versions.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { pathOf } from '../scripts/program.ts'
import type { Measured } from './suite.ts'

export interface Results {
  readonly machine: Machine
  /** Of this package and of every one that it is measured beside. */
  readonly versions: Readonly<Record<string, string>>
  readonly suites: Readonly<Record<string, SuiteResult>>
}

export interface SuiteResult extends Measured {
  readonly title: string
  /** The day, and the commit of this package. */
  readonly date: string
  readonly commit: string
}

interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memory: string
  readonly system: string
  readonly node: string
  readonly redis: string
}

const FILE = join(import.meta.dirname, 'results.json')

export function readResults(): Results {
  if (!existsSync(FILE)) return { machine: machine(), versions: versions(), suites: {} }
  return JSON.parse(readFileSync(FILE, 'utf8')) as Results
}

export function writeResults(results: Results): void {
  writeFileSync(FILE, `${JSON.stringify(results, undefined, 2)}\n`)
  execFileSync('npx', ['oxfmt', FILE])
}

/** With what was just measured. What another machine or other versions gave is not kept beside it. */
export function withSuite(results: Results, name: string, suite: SuiteResult): Results {
  const here = { machine: machine(), versions: versions() }
  const areAlike = JSON.stringify(here) === JSON.stringify({ machine: results.machine, versions: results.versions })
  if (!areAlike) console.log('The results that were there are of another machine or other versions, and are dropped.')
  return { ...here, suites: { ...(areAlike ? results.suites : {}), [name]: suite } }
}

/** When something is measured, and of what. */
export function stamp(): { readonly date: string; readonly commit: string } {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  const isChanged = git('status', '--porcelain', '--', 'src', 'middleware') !== ''
  return { date: new Date().toISOString().slice(0, 10), commit: `${git('rev-parse', '--short', 'HEAD')}${isChanged ? ', changed' : ''}` }
}

function machine(): Machine {
  const [first] = cpus()
  return {
    cpu: first?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${process.arch}`,
    node: process.version,
    redis: redisVersion(),
  }
}

function redisVersion(): string {
  const path = pathOf('redis-server')
  if (path === undefined) return 'in Docker'
  return /v=(\S+)/.exec(execFileSync(path, ['--version'], { encoding: 'utf8' }))?.[1] ?? 'unknown'
}

function versions(): Record<string, string> {
  const read = (...path: string[]) =>
    JSON.parse(readFileSync(join(import.meta.dirname, ...path, 'package.json'), 'utf8')) as {
      readonly version: string
      readonly devDependencies: Readonly<Record<string, string>>
    }
  const beside = Object.keys(read('.').devDependencies).filter((name) => !name.startsWith('@types/'))
  const pairs = beside.map((name): [string, string] => [name, read('node_modules', name).version])
  return { 'cache-alchemy': read('..').version, ...Object.fromEntries(pairs) }
}
