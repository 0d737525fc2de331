// What layers leave on a request, where it cannot be watched or is not theirs.
import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { watch, type Input } from '../../middleware/http/unkeyed.ts'
import { ask, serve } from '../support/http.ts'

async function noticed(leave: (req: IncomingMessage) => void, read: (req: IncomingMessage) => unknown): Promise<Input[]> {
  const inputs: Input[] = []
  await using server = await serve((req, res) => {
    leave(req)
    const places = [{ target: req, label: 'req' }]
    const watching = watch(req, {
      derived: [],
      places,
      isCovered: () => false,
      onRead: (input) => inputs.push(input),
      onAbsent: () => {},
    })
    read(req)
    watching.close()
    res.end()
  })
  await ask(server.port, '/')
  return inputs
}

test('what nobody can watch counts as read, unless it reads in turn what is watched', async () => {
  const sealed = (get: (req: IncomingMessage) => unknown) => (req: IncomingMessage) =>
    void Object.defineProperty(req, 'whose', { get: () => get(req) })
  expect(
    await noticed(
      sealed(() => 'ann'),
      () => {},
    ),
  ).toEqual(['req.whose'])
  const through = sealed((req) => req.headers.cookie)
  expect(await noticed(through, () => {})).toEqual([])
  expect(await noticed(through, (req) => (req as { whose?: unknown }).whose)).toEqual(['cookie'])
})

test('what is Node.js’s, harmless, or a wrapped method is not noticed', async () => {
  const leave = (req: IncomingMessage): void => {
    const { on } = req
    Object.assign(req, { log: { info() {} }, id: 1, body: {}, on: (...args: unknown[]) => Reflect.apply(on, req, args) as unknown })
  }
  const read = (req: IncomingMessage): unknown => [req.on('close', () => {}), req.url, { ...(req as { log?: object }).log }]
  expect(await noticed(leave, read)).toEqual([])
})
