// A process of the latency benchmark: asks a server when it is time to, whether or not it has answered what came before.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { Arrivals, randomFrom } from './arrivals.ts'
import { answer } from './child.ts'
import { KEPT } from './clear-rates.ts'
import { filmAt } from './films.ts'
import { percentiles, type Percentiles } from './percentiles.ts'

/** What is asked. */
export interface OpenLoad {
  readonly port: number
  readonly perSecond: number
  readonly seconds: number
  readonly seed: number
}

const CONNECTIONS = 50

answer({
  async open({ port, perSecond, seconds, seed }: OpenLoad): Promise<Percentiles> {
    const line = new Line(port)
    await line.open()
    const arrivals = new Arrivals(perSecond, seed)
    const random = randomFrom(seed + 1)
    line.began = performance.now()
    for (let now = 0; now < seconds * 1000; now = performance.now() - line.began) {
      // Those that were due are sent as late as this process comes to it, and counted from when they were due.
      while (arrivals.next <= now) line.ask(filmAt(Math.floor(random() * KEPT)), arrivals.take())
      await setImmediate()
    }
    await line.close()
    return line.taken.of()
  },
})

interface Asked {
  readonly id: string
  readonly due: number
}

/** Requests to a server, over connections that each have one on its way; others wait in line, as long as it takes. */
class Line {
  began = 0
  readonly taken: ReturnType<typeof percentiles> = percentiles()
  readonly #port: number
  readonly #all: Socket[] = []
  readonly #idle: Socket[] = []
  readonly #waiting: Asked[] = []
  readonly #due = new Map<Socket, number>()
  readonly #read = new Map<Socket, string>()

  constructor(port: number) {
    this.#port = port
  }

  async open(): Promise<void> {
    for (let i = 0; i < CONNECTIONS; i++) {
      const socket = connect({ port: this.#port, host: '127.0.0.1', noDelay: true }).setEncoding('latin1')
      await once(socket, 'connect')
      socket.on('data', (text: string) => this.#hear(socket, text))
      this.#all.push(socket)
      this.#idle.push(socket)
    }
  }

  ask(id: string, due: number): void {
    const socket = this.#idle.pop()
    if (socket === undefined) this.#waiting.push({ id, due })
    else this.#send(socket, { id, due })
  }

  async close(): Promise<void> {
    while (this.#idle.length < CONNECTIONS) await setImmediate()
    for (const socket of this.#all) socket.destroy()
  }

  #send(socket: Socket, { id, due }: Asked): void {
    this.#due.set(socket, due)
    this.#read.set(socket, '')
    socket.write(`GET /films/${id} HTTP/1.1\r\nHost: 127.0.0.1:${this.#port}\r\n\r\n`)
  }

  #hear(socket: Socket, text: string): void {
    const read = this.#read.get(socket) + text
    this.#read.set(socket, read)
    const end = read.indexOf('\r\n\r\n')
    if (end === -1) return
    const length = /^HTTP\/1\.1 200 [^]*\r\ncontent-length: (\d+)\r\n/i.exec(read)?.[1]
    if (length === undefined) throw new Error(`Not the answer: ${read}`)
    if (read.length < end + 4 + Number(length)) return
    this.taken.record(performance.now() - this.began - this.#due.get(socket)!)
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(socket)
    else this.#send(socket, next)
  }
}
