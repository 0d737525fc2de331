// The public names.

export { createCache, type Cache } from './cache.ts'
export { cachedFunction } from './cached-function.ts'
export { isClearable, type Clearable } from './clearable.ts'
export { structured, type ClassCodec, type Codec, type CodecOption, type StructuredOptions } from './codec.ts'
export type { CacheOptions } from './config.ts'
export type { GetterOptions, MethodOptions } from './decorators.ts'
export type { Duration } from './duration.ts'
export { CacheError, CodecError, ConfigError, KeyError, StoreError, TimeoutError, UnsupportedError, type CacheErrorCode } from './errors.ts'
export { any } from './key.ts'
export type { CachedFunction, CachedHandle, CachedSyncFunction, MemoizeOptions, MemoizeSyncOptions, PartialArgs } from './memoize.ts'
export { Ref } from './ref.ts'
export type { CacheStats, FunctionStats } from './stats.ts'
