// A process that closes its server while a refresh runs whose handler never answers, and has nothing else to do. test/http/refresh.test.ts starts it.
import { once } from 'node:events'
import express from 'express'
import { cached } from '../../middleware/express.ts'
import { createCache } from '../../src/index.ts'

const cache = createCache({ redis: false })
const app = express()
let runs = 0
let onRefresh = (): void => {}
app.get('/', cached(cache, { ttl: 1, staleWhileRevalidate: '1h' }), (_req, res) => {
  if (++runs === 1) res.send('ok')
  else onRefresh()
})
const refreshed = new Promise<void>((resolve) => (onRefresh = resolve))
const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
const { port } = server.address() as { port: number }
const get = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text()
await get()
while (runs === 1) await get()
await refreshed
await new Promise((resolve) => server.close(resolve))
process.stdout.write('closed\n')
