// The documentation does what it says: every block of code in README.md and docs/ compiles, runs, and keeps the promises of its comments.
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { modulesOf } from './support/page.ts'
import { startRedis, type RedisServer } from './support/redis.ts'

const guides = existsSync('docs') ? readdirSync('docs').filter((file) => file.endsWith('.md')) : []
const pages = ['README.md', ...guides.map((file) => `docs/${file}`)].filter((page) => existsSync(page))
const modules = pages.flatMap((page) => modulesOf(page, readFileSync(page, 'utf8')))
const folder = '.pages'
let redis: RedisServer

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  for (const kind of ['compiled', 'run'] as const) {
    mkdirSync(join(folder, kind), { recursive: true })
    for (const module of modules) writeFileSync(join(folder, kind, `${module.name}.ts`), module[kind])
  }
  redis = await startRedis()
})

afterAll(() => redis.stop())

test('there is a README.md with code in it', () => {
  expect(modules.map((module) => module.name)).toContain('README')
})

test('every block compiles', async () => {
  expect(await outputOf(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.pages.json'])).toBe('')
})

describe.each(modules)('$name', ({ name }) => {
  test('runs, and its comments are true', async () => {
    expect(await outputOf(['--import', 'tsx', join(folder, 'run', `${name}.ts`)])).toBe('')
  })
})

/** What a program said if it failed, nothing if it did not. */
async function outputOf(args: string[]): Promise<string> {
  const env = { ...process.env, TSX_TSCONFIG_PATH: 'tsconfig.pages.json', REDIS_URL: redis.url, NODE_ENV: 'test' }
  try {
    await promisify(execFile)(process.execPath, args, { env, timeout: 50_000 })
    return ''
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    return stdout + stderr || String(error)
  }
}
