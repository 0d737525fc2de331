// Whether a client is there, also where an application is run without a server: by what a tool of tests or of a cloud makes of a request.
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { isClosed, isGone, onceClosed } from '../../middleware/http/client.ts'

const requests: Readonly<Record<string, () => object>> = {
  'a request without a connection': () => ({ method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 }),
  'a connection that is little of one': () => ({ method: 'GET', socket: { encrypted: true, readable: false, remoteAddress: '::1' } }),
  'a connection of its own': () => new IncomingMessage(new Socket()),
}

test.each(Object.entries(requests))('of %s a client is there until its response is closed', async (_, make) => {
  const res = new ServerResponse(make() as IncomingMessage)
  const told: string[] = []
  onceClosed(res, () => void told.push('first'))
  onceClosed(res, () => void told.push('taken back'))()
  await new Promise(process.nextTick)
  expect([isGone(res), isClosed(res), told]).toEqual([false, false, []])
  res.destroy()
  res.emit('close')
  res.emit('close')
  expect([isGone(res), told]).toEqual([true, ['first']])
})

test('of a response without a request too', () => {
  const res = new ServerResponse({ method: 'GET' } as IncomingMessage)
  Reflect.set(res, 'req', undefined)
  onceClosed(res, () => undefined)
  expect([isGone(res), isClosed(res)]).toEqual([false, false])
})

test('one that waits behind another is gone when its connection is, and is told so once, however late it asks', async () => {
  const socket = new Socket()
  const req = new IncomingMessage(socket)
  const res = new ServerResponse(req)
  const told: string[] = []
  onceClosed(res, () => void told.push('before'))
  socket.destroy()
  expect(isGone(res)).toBe(true)
  await new Promise((resolve) => socket.once('close', resolve))
  expect([isClosed(res), told]).toEqual([true, ['before']])
  onceClosed(res, () => void told.push('afterwards'))
  await new Promise(process.nextTick)
  expect(told).toEqual(['before', 'afterwards'])
})
