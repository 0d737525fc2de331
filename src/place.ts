// Knows where entries may live, and which place a cache has for them.

import type { Engine } from './engine.ts'
import { ConfigError } from './errors.ts'
import { checkChoice } from './options.ts'
import { checkStore } from './own-store.ts'
import type { Place, StoreOption } from './remote.ts'

/** The place that the option `store` asks for: by default both, or this process alone where there is no Redis. Throws a `ConfigError`. */
export function placeOf(engine: Engine, store: StoreOption | undefined): Place {
  if (store === undefined) return engine.shared === undefined ? 'memory' : 'tiered'
  if (typeof store === 'object') return engine.storeOf(checkStore(store))
  checkChoice(store, ['memory', 'redis', 'tiered'], 'store')
  if (store !== 'memory' && engine.shared === undefined && !engine.options.disabled) {
    throw new ConfigError(`\`store: "${store}"\` needs Redis: give \`redis\` to createCache, or set CACHE_ALCHEMY_REDIS_URL.`)
  }
  return store
}
