// Knows every error of this package and the code that names it.

/** What went wrong, for programs: stable across releases, while messages are for people and may change. */
export type CacheErrorCode = 'CONFIG' | 'UNSUPPORTED' | 'KEY' | 'CODEC' | 'STORE' | 'TIMEOUT' | 'CYCLE' | 'LOAD'

/**
 * The root of every error this package makes. `code` says which; `cause` holds what was caught, if anything was. With code `LOAD` it is told to
 * `onError` of a load that failed where a stale value was served, or nobody waited.
 * @example onError: (error: CacheError) => logger.warn({ code: error.code, cause: error.cause }, error.message)
 */
export class CacheError extends Error {
  override readonly name: string = 'CacheError'
  /** @example if (error instanceof CacheError && error.code === 'TIMEOUT') return fallback */
  readonly code: CacheErrorCode

  constructor(code: CacheErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/**
 * An option, a name or an environment variable is wrong. Thrown where it is given; one that is asked about each value is told to `onError`.
 * @example cache.memoize(loadUser, { ttl: 'soon' }) // ConfigError
 */
export class ConfigError extends CacheError {
  override readonly name = 'ConfigError'

  constructor(message: string, cause?: unknown) {
    super('CONFIG', message, cause)
  }
}

/**
 * What was asked for does not exist here: a partial clear of a flat key, a load that waits for itself (`code` is then `CYCLE`).
 * @example await flat.clear('42') // `strict: false`: UnsupportedError
 */
export class UnsupportedError extends CacheError {
  override readonly name = 'UnsupportedError'

  constructor(message: string, code: 'UNSUPPORTED' | 'CYCLE' = 'UNSUPPORTED') {
    super(code, message)
  }
}

/**
 * An argument that cannot be part of a key: a function, a symbol, a cycle, a class instance without `toJSON`, an array with holes. Give `key`.
 * @example await getUser(() => '42') // KeyError
 */
export class KeyError extends CacheError {
  override readonly name = 'KeyError'

  constructor(message: string, cause?: unknown) {
    super('KEY', message, cause)
  }
}

/**
 * A value that cannot be turned into bytes, or bytes that are no value. Told to `onError`: the caller has the value all the same.
 * @example onError: (error) => error instanceof CodecError && logger.warn(error.message)
 */
export class CodecError extends CacheError {
  override readonly name = 'CodecError'

  constructor(message: string, cause?: unknown) {
    super('CODEC', message, cause)
  }
}

/**
 * A store did not do what it was asked: for `clear`, it is applied in this process and queued, but not yet confirmed elsewhere. To who
 * calls a cached function it never comes: the function runs, and `onError` is told. `count` rejects with it, since a part would be no count.
 * @example await getUser.clear('42').catch((error) => error instanceof StoreError || Promise.reject(error))
 */
export class StoreError extends CacheError {
  override readonly name = 'StoreError'

  constructor(message: string, cause?: unknown) {
    super('STORE', message, cause)
  }
}

/**
 * Something took longer than it may: to callers, a load past its `loadTimeout`; to `onError`, a store past `commandTimeout`.
 * @example await callPartner('7').catch((error) => error instanceof TimeoutError ? undefined : Promise.reject(error))
 */
export class TimeoutError extends CacheError {
  override readonly name = 'TimeoutError'

  constructor(message: string, cause?: unknown) {
    super('TIMEOUT', message, cause)
  }
}
