import fc from 'fast-check'
import { describe, expect, expectTypeOf, test } from 'vitest'
import { structured } from '../../src/codec/structured.ts'
import { CodecError, ConfigError } from '../../src/errors.ts'
import { anything, differenceOf, graphs } from '../support/value-graph.ts'

const codec = structured()

function roundTrip<T>(value: T): T {
  return codec.decode(codec.encode(value)) as T
}

function textOf(value: unknown): string {
  return Buffer.from(codec.encode(value)).toString()
}

class Money {
  readonly #currency: string
  readonly amount: number

  constructor(amount: number, currency: string) {
    this.amount = amount
    this.#currency = currency
  }

  get currency(): string {
    return this.#currency
  }
}

class Account {
  readonly owner: string
  readonly balances: Map<string, Money>

  constructor(owner: string, balances: Map<string, Money>) {
    this.owner = owner
    this.balances = balances
  }
}

describe('laws', () => {
  test('what is decoded equals what was encoded, in type and content', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(differenceOf(roundTrip(value), value)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test('what is decoded has the shape of what was encoded: cycles and shared references where they were, and nowhere else', () => {
    fc.assert(
      fc.property(graphs, (value) => {
        expect(differenceOf(roundTrip(value), value)).toBeUndefined()
      }),
      { numRuns: 500 },
    )
  })

  test('encoding what was decoded gives the same bytes', () => {
    fc.assert(
      fc.property(fc.oneof(anything, graphs), (value) => {
        const bytes = codec.encode(value)
        expect(Buffer.from(codec.encode(codec.decode(bytes))).equals(bytes)).toBe(true)
      }),
    )
  })
})

describe('in the bytes', () => {
  test('a value that JSON keeps is plain JSON', () => {
    expect(textOf({ id: 1, tags: ['a'], none: null })).toBe('{"id":1,"tags":["a"],"none":null}')
  })

  test('another one is JSON with marks, after a tilde', () => {
    expect(textOf({ at: new Date(5), ids: new Set([1n]), none: undefined })).toBe('~{"at":["~Date",5],"ids":["~Set","~i1"],"none":"~u"}')
  })
})

describe('a registered class', () => {
  const withClasses = structured({
    classes: {
      Money: {
        class: Money,
        encode: (money) => ({ amount: money.amount, currency: money.currency }),
        decode: ({ amount, currency }: { amount: number; currency: string }) => new Money(amount, currency),
      },
      Account: {
        class: Account,
        encode: ({ owner, balances }) => [owner, balances],
        decode: ([owner, balances]: [string, Map<string, Money>]) => new Account(owner, balances),
      },
    },
  })

  test('brings back its instances, made by its own constructor', () => {
    const back = withClasses.decode(withClasses.encode([new Money(5, 'EUR')])) as [Money]
    expect(back[0]).toBeInstanceOf(Money)
    expect([back[0].amount, back[0].currency]).toEqual([5, 'EUR'])
  })

  test('may hold instances of others, and values of any kind', () => {
    const value = { at: new Date(1), account: new Account('ada', new Map([['a', new Money(1, 'EUR')]])) }
    const back = withClasses.decode(withClasses.encode(value)) as typeof value
    expect(back.account).toBeInstanceOf(Account)
    expect(back.account.balances.get('a')?.currency).toBe('EUR')
  })

  test('keeps shared instances shared', () => {
    const money = new Money(5, 'EUR')
    const back = withClasses.decode(withClasses.encode({ money, list: [money, [money]], after: [{}] })) as {
      money: Money
      list: [Money, [Money]]
    }
    expect(back.list[0]).toBe(back.money)
    expect(back.list[1][0]).toBe(back.money)
  })

  test('that contains itself is a CodecError that says where', () => {
    const balances = new Map<string, unknown>()
    const account = new Account('ada', balances as Map<string, Money>)
    balances.set('self', account)
    expect(() => withClasses.encode({ account })).toThrow(CodecError)
    expect(() => withClasses.encode({ account })).toThrow('at account.encode().1.self is part of itself')
  })

  test('says where its data cannot be kept', () => {
    const account = new Account('ada', new Map([['a', { amount: 1, currency: 'EUR', save: () => 1 } as unknown as Money]]))
    expect(() => withClasses.encode(account)).toThrow('at encode().1.a.save is a function')
  })

  test('does not stand for its subclasses', () => {
    class Euro extends Money {}
    expect(() => withClasses.encode(new Euro(1, 'EUR'))).toThrow('is an instance of Euro')
  })

  test('may be a subclass of a built-in one, or have no public constructor', () => {
    class HttpError extends Error {
      readonly status: number

      private constructor(status: number, message: string) {
        super(message)
        this.status = status
      }

      static of(status: number, message: string): HttpError {
        return new HttpError(status, message)
      }
    }
    const classes = {
      HttpError: {
        class: HttpError,
        encode: (it: HttpError) => [it.status, it.message],
        decode: (it: [number, string]) => HttpError.of(...it),
      },
    }
    const back = structured({ classes }).decode(structured({ classes }).encode(HttpError.of(404, 'gone'))) as HttpError
    expect(back).toBeInstanceOf(HttpError)
    expect([back.status, back.message]).toEqual([404, 'gone'])
  })

  test('is a miss where its name is not registered', () => {
    expect(() => codec.decode(withClasses.encode(new Money(1, 'EUR')))).toThrow(CodecError)
  })

  test('whose functions fail is a CodecError that holds why', () => {
    const cause = new Error('older data')
    const fails = (): never => {
      throw cause
    }
    const broken = structured({ classes: { Money: { class: Money, encode: fails, decode: fails } } })
    expect(() => broken.encode({ a: new Money(1, 'EUR') })).toThrow(expect.objectContaining({ code: 'CODEC', cause }))
    expect(() => broken.decode(withClasses.encode(new Money(1, 'EUR')))).toThrow(expect.objectContaining({ code: 'CODEC', cause }))
  })

  test('whose `decode` returns something else is a CodecError', () => {
    const broken = structured({ classes: { Money: { class: Money, encode: () => 1, decode: () => ({}) as Money } } })
    expect(() => broken.decode(broken.encode(new Money(1, 'EUR')))).toThrow(
      'Expected `decode` of the class "Money" to return an instance of it, got an object (Object)',
    )
  })

  test('is checked when it is registered', () => {
    const money = { class: Money, encode: () => 1, decode: () => new Money(1, 'EUR') }
    const register = (classes: object) => () => structured({ classes: classes as Record<string, typeof money> })
    expect(register({ Money: { ...money, class: 'Money' } })).toThrow('Expected `classes.Money.class` to be a class, got "Money"')
    expect(register({ Money: { ...money, decode: undefined } })).toThrow('Expected `classes.Money.decode` to be a function, got undefined')
    expect(register({ Money: Money })).toThrow(ConfigError)
    expect(register({ Money: undefined })).toThrow(ConfigError)
    expect(register({ Money: money, Cash: money })).toThrow('`classes.Cash` to be a class that has no other name here')
    expect(register({ Map: { ...money, class: Map } })).toThrow('`classes.Map` to be a class of your own')
    expect(register({ Object: { ...money, class: Object } })).toThrow('`classes.Object` to be a class of your own')
    expect(register(null as never)).toThrow('Expected `classes` to be an object of classes by name, got null.')
    expect(register('Money' as never)).toThrow('Expected `classes` to be an object of classes by name, got "Money".')
  })

  test('is a ConfigError under an option that does not exist', () => {
    expect(() => structured({ klasses: {} } as never)).toThrow(new ConfigError('structured has no option `klasses`. It has: classes.'))
    expect(() => structured(null as never)).toThrow(new ConfigError('Expected the options of structured to be an object, got null.'))
  })

  test('is typed by its class', () => {
    expect(() =>
      structured({
        classes: {
          Money: {
            class: Money,
            encode(money) {
              expectTypeOf(money).toEqualTypeOf<Money>()
              return money.amount
            },
            // @ts-expect-error An account is no money.
            decode: () => new Account('ada', new Map()),
          },
        },
      }),
    ).not.toThrow()
  })
})
