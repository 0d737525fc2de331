// What a worker does: reads, writes and clears of which each is recorded when it begins and when it ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { now } from './clock.ts'
import type { Clear, ReadKind, Written } from './history.ts'
import { HOT, kindsOf, KINDS, type Order, type Profile } from './orders.ts'
import type { Random } from './random.ts'
import type { Recorder } from './recorder.ts'
import type { Subject } from './subject.ts'

const OWN_READS = 0.6

export class Deeds {
  readonly #subject: Subject
  readonly #random: Random
  readonly #record: Recorder
  #ids = 0
  #isActing = false
  #profile: Profile | undefined
  #loops: Promise<unknown> = Promise.resolve()
  #cold: readonly string[] = []
  #mine: string[] = []

  constructor(subject: Subject, random: Random, record: Recorder) {
    this.#subject = subject
    this.#random = random
    this.#record = record
  }

  async do(order: Order): Promise<void> {
    if (order.do === 'read') await Promise.all(order.keys.flatMap((key) => kindsOf(key).map((kind) => this.#read(kind, key, order.keys))))
    else if (order.do === 'act') this.#act(order.cold, order.mine, order.profile)
    else if (order.do === 'rest') await this.#rest()
    else await this.#settle()
  }

  #act(cold: readonly string[], mine: readonly string[], profile: Profile): void {
    this.#cold = cold
    this.#mine = [...mine]
    this.#profile = profile
    this.#isActing = true
    this.#subject.pace(profile.load, profile.slow)
    this.#loops = Promise.all(Array.from({ length: profile.loops }, () => this.#loop(profile)))
  }

  async #loop(profile: Profile): Promise<void> {
    while (this.#isActing) {
      await this.#any(profile)
      await sleep(profile.pause * this.#random())
    }
  }

  async #rest(): Promise<void> {
    this.#isActing = false
    await this.#loops
    this.#subject.pace(0, 0)
  }

  async #any({ clears, colds, seldom }: Profile): Promise<void> {
    const random = this.#random
    const roll = random()
    if (roll < clears) return this.#clear(random.from(HOT))
    if (roll < clears + colds) {
      const key = this.#mine.pop()
      if (key !== undefined) return this.#clear(key)
    }
    const cold = this.#cold.length > 0 && random.chance(seldom) ? random.from(this.#cold) : undefined
    if (cold !== undefined) await this.#read(random.from(kindsOf(cold)), cold, this.#cold)
    else await this.#read(this.#kind(), random.from(HOT), HOT)
  }

  async #read(kind: ReadKind, key: string, others: readonly string[]): Promise<void> {
    const id = ++this.#ids
    const other = others[(others.indexOf(key) + 1) % others.length]!
    this.#record({ t: 'read', id, at: now(), kind, keys: [key] })
    try {
      const saw = await this.#subject.read(kind, key, other)
      this.#record({ t: 'saw', id, at: now(), saw })
    } catch (error) {
      this.#record({ t: 'mishap', what: `A read of ${kind}(${key}) failed: ${String(error)}` })
    }
  }

  async #clear(key: string): Promise<void> {
    const { truth, cache } = this.#subject
    const { posts, expires } = this.#profile!
    if (this.#random.chance(posts)) return this.#post(key)
    const roll = this.#random()
    if (roll < 0.05) return this.#transact(key)
    const keys = roll < 0.1 ? Array.from(new Set([key, this.#random.from(HOT)])) : [key]
    const kind = this.#random.chance(expires) ? 'expire' : 'clear'
    const wrote = await Promise.all(keys.map(async (one): Promise<Written> => [one, await truth.write(one)]))
    const refs = keys.map((one) => this.#subject.rowRef(one))
    await this.#acknowledged(key, kind, wrote, () =>
      keys.length === 1 && kind === 'clear' ? this.#subject.clear(key) : cache[kind](...refs),
    )
  }

  async #acknowledged(key: string, kind: Clear['kind'], wrote: readonly Written[], clear: () => Promise<void>): Promise<void> {
    const id = ++this.#ids
    this.#record({ t: 'clear', id, at: now(), kind, wrote })
    const cleared = clear().then(
      () => this.#record({ t: 'acked', id, at: now() }),
      () => this.#record({ t: 'rejected', id, at: now() }),
    )
    if (this.#random.chance(OWN_READS)) await this.#readBack(key)
    await cleared
  }

  #kind(): ReadKind {
    return this.#random.from(this.#profile?.kinds ?? KINDS)
  }

  /** Who reads after their own write reads it, acknowledged or not. */
  async #readBack(key: string): Promise<void> {
    const isHot = HOT.includes(key)
    await this.#read(isHot ? this.#kind() : this.#random.from(kindsOf(key)), key, isHot ? HOT : this.#cold)
  }

  async #post(key: string): Promise<void> {
    const id = ++this.#ids
    this.#record({ t: 'post', id, at: now() })
    try {
      const posted = await this.#subject.post(key)
      this.#record({ t: 'posted', id, at: now(), ...posted })
    } catch (error) {
      this.#record({ t: 'mishap', what: `A mutation of ${key} failed: ${String(error)}` })
    }
    await this.#readBack(key)
  }

  /** Nobody is told whether its clears were confirmed: they count here when it has ended, and elsewhere once all is settled. */
  async #transact(key: string): Promise<void> {
    const id = ++this.#ids
    const { cache, truth, clear } = this.#subject
    const version = await cache.transaction(async () => {
      const written = await truth.write(key)
      await clear(key)
      return written
    })
    this.#record({ t: 'posted', id, at: now(), wrote: [[key, version]], isAcked: false })
    await this.#readBack(key)
  }

  /** What is queued goes with the next append: after two in a row nothing is left that one of them could have missed. */
  async #settle(): Promise<void> {
    const { cache } = this.#subject
    for (let acknowledged = 0; acknowledged < 2;) {
      acknowledged = await cache.clear(cache.tag('settled')).then(
        () => acknowledged + 1,
        () => sleep(20, 0),
      )
    }
    this.#record({ t: 'settled', at: now() })
  }
}
