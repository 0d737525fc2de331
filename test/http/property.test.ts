// A property that is read without its name in the source is the one that its name gives.
import { expect, test } from 'vitest'
import { propertyOf } from '../../middleware/http/property.ts'

class Message {
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  get url(): string {
    return this.#url
  }
}

test('a property is what the message says, by its class or by itself', () => {
  const message = new Message('/a')
  expect(propertyOf(message, 'url')).toBe('/a')
  expect(propertyOf(Object.defineProperty(message, 'url', { get: () => '/b' }), 'url')).toBe('/b')
})
