// The Redis that the demo starts where it is given none.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startRedis } from '../../demo/redis.ts'
import { pathOf } from '../../scripts/program.ts'
import { ask } from '../support/replication.ts'

/** A `redis-server` that ends so many times before it is the real one: as one does whose port somebody has taken. */
async function endsFirst(times: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'redis-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const script = `#!/bin/sh
echo >> '${folder}/starts'
if [ "$(wc -l < '${folder}/starts')" -le ${times} ]; then exit 1; fi
exec '${pathOf('redis-server')}' "$@"`
  await writeFile(join(folder, 'redis-server'), script, { mode: 0o755 })
  vi.stubEnv('PATH', [folder, process.env['PATH']].join(delimiter))
}

test('begins on another port where its own was taken meanwhile', async () => {
  await endsFirst(2)
  const redis = await startRedis()
  expect(await ask({ port: Number(new URL(redis.url).port) }, (client) => client.ping())).toBe('PONG')
  await redis.close()
})

test('that cannot begin at all says so', async () => {
  await endsFirst(100)
  await expect(startRedis()).rejects.toThrow('redis-server did not start')
})
