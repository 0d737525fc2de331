// `npm run demo:two`: two processes over one Redis and one database. REDIS_URL and DATABASE_URL name others than it starts itself.

import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { end, fail, onEnd } from './ending.ts'
import { firstPort } from './ports.ts'
import { startRedis, type Running } from './redis.ts'
import { shareDatabase } from './shared-database.ts'

try {
  const port = firstPort()
  const ports = [port, port + 2]
  console.log('Starting two processes over one Redis and one Postgres with 3,201 films …')
  const redisUrl = process.env['REDIS_URL'] ?? (await started(startRedis()))
  const databaseUrl = await started(shareDatabase(process.env['DATABASE_URL']))

  const children = ports.map((each) =>
    startProcess({ PORT: String(each), DEMO_PORTS: ports.join(), REDIS_URL: redisUrl, DATABASE_URL: databaseUrl }),
  )
  await Promise.all(children.map((child) => once(child, 'message')))
  console.log('A write in one is seen in the other. Ctrl-C ends both.')
} catch (error) {
  fail(error)
}

async function started(starting: Promise<Running>): Promise<string> {
  const running = await starting
  onEnd(() => running.close())
  return running.url
}

function startProcess(env: Readonly<Record<string, string>>): ChildProcess {
  const child = fork(new URL('main.ts', import.meta.url), { env: { ...process.env, ...env } })
  const exit = once(child, 'exit')
  onEnd(async () => {
    child.kill('SIGTERM')
    await exit
  })
  void exit.then(() => end(1))
  return child
}
