import { Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { producedBy, tee, type TeeOptions } from '../../middleware/koa/body.ts'

const options: TeeOptions = { maxBodyBytes: 10, patience: 10_000, tellsErrors: true, isGone: () => false, onStart() {} }

async function textOf(stream: Readable): Promise<string> {
  return Buffer.concat((await stream.toArray()) as Buffer[]).toString()
}

test('a stream that ends is kept whole', async () => {
  const { stream, captured } = tee(Readable.from(['a', Buffer.from('bc')]), options)
  expect(await textOf(stream)).toBe('abc')
  expect(await captured).toEqual({ body: Buffer.from('abc') })
})

test('one past the bound goes through and is not kept', async () => {
  const { stream, captured } = tee(Readable.from(['x'.repeat(8), 'y'.repeat(8)]), options)
  expect(await textOf(stream)).toBe('x'.repeat(8) + 'y'.repeat(8))
  expect(await captured).toEqual({ why: 'body too large', isAborted: false })
})

test('one that takes its time is not waited for any longer', async () => {
  const source = new Readable({ read() {} })
  source.push('a')
  const { stream, captured } = tee(source, { ...options, patience: 1 })
  stream.resume()
  expect(await captured).toEqual({ why: 'slow', isAborted: false })
})

test('nothing is asked of a source before someone reads, and that is told first', async () => {
  const order: string[] = []
  const source = new Readable({
    read() {
      order.push('asked')
      this.push(null)
    },
  })
  const { stream, captured } = tee(source, { ...options, onStart: () => order.push('started') })
  await new Promise(setImmediate)
  expect(order).toEqual([])
  stream.resume()
  await captured
  expect(order).toEqual(['started', 'asked'])
})

test('the memory of a chunk may be used again', async () => {
  const chunk = Buffer.from('ab')
  const source = new Readable({ read() {} })
  const { stream, captured } = tee(source, options)
  source.push(chunk)
  source.push(null)
  stream.once('data', () => chunk.fill('x'))
  await captured.then(() => stream.resume())
  expect(await captured).toEqual({ body: Buffer.from('ab') })
})

test('a source that breaks is not kept, and says so where it is heard', async () => {
  for (const tellsErrors of [true, false]) {
    const source = new Readable({
      read() {
        this.destroy(new Error('disk'))
      },
    })
    const { stream, captured } = tee(source, { ...options, tellsErrors })
    const closed = new Promise((resolve) => stream.once('close', resolve))
    stream.resume()
    expect(await captured).toEqual({ why: 'broken', isAborted: true })
    await closed
    expect(stream.errored?.message).toBe(tellsErrors ? 'disk' : undefined)
  }
})

test('a reader that goes takes the source along', async () => {
  const source = new Readable({ read() {} })
  const { stream, captured } = tee(source, options)
  stream.destroy()
  expect(await captured).toMatchObject({ isAborted: true })
  expect(source.destroyed).toBe(true)
})

test('a response that has gone already, or is none of Koa’s, is not looked at', () => {
  const ctx = { body: 'a', status: 200, writable: true, res: { headersSent: false }, response: {} }
  expect(producedBy(ctx)).toEqual({ bytes: Buffer.from('a') })
  for (const gone of [{ respond: false }, { writable: false }, { res: { headersSent: true } }])
    expect(producedBy({ ...ctx, ...gone })).toEqual({ why: 'sent past Koa' })
})

test('one whose source ends where its client has gone is no whole', async () => {
  const { stream, captured } = tee(Readable.from(['half']), { ...options, isGone: () => true })
  stream.resume()
  expect(await captured).toEqual({ why: 'aborted', isAborted: true })
})
