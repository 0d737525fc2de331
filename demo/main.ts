// `npm run demo`: one process of the demo. Its options are PORT, REDIS_URL and DATABASE_URL.

import { doorsOf } from './doors.ts'
import { fail, onEnd } from './ending.ts'
import { firstPort } from './ports.ts'
import { serve } from './serve.ts'

const { DATABASE_URL: databaseUrl, REDIS_URL: redisUrl, DEMO_PORTS } = process.env

try {
  const port = firstPort()
  // Where a demo has several processes, each knows the ports of all.
  const ports = DEMO_PORTS?.split(',').map(Number) ?? [port]
  if (databaseUrl === undefined) console.log('Loading 3,201 films into an embedded Postgres …')

  const serving = await serve({ port, ports, databaseUrl, redisUrl })
  onEnd(() => serving.close())

  for (const door of doorsOf(ports).filter((each) => ports[each.process - 1] === port)) {
    const process = ports.length > 1 ? `Process ${door.process}, ` : ''
    console.log(`${process}${door.framework}: http://localhost:${door.port}`)
  }
  process.send?.('serving')
} catch (error) {
  fail(error)
}
