// Knows every error of this package and the code that names it.

/** What went wrong, for programs: stable across releases, while messages are for people and may change. */
export type CacheErrorCode = 'CONFIG' | 'UNSUPPORTED' | 'KEY' | 'CODEC' | 'STORE' | 'TIMEOUT' | 'CYCLE' | 'LOAD'

/** The root of every error this package makes. `code` says which; `cause` holds what was caught, if anything was. */
export class CacheError extends Error {
  override readonly name: string = 'CacheError'
  readonly code: CacheErrorCode

  constructor(code: CacheErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
  }
}

/** An option, a name or an environment variable is wrong. Thrown where it is given; one that is asked about each value is told to `onError`. */
export class ConfigError extends CacheError {
  override readonly name = 'ConfigError'

  constructor(message: string, cause?: unknown) {
    super('CONFIG', message, cause)
  }
}

/** What was asked for does not exist here: a partial clear of a flat key, a load that waits for itself (`code` is then `CYCLE`). */
export class UnsupportedError extends CacheError {
  override readonly name = 'UnsupportedError'

  constructor(message: string, code: 'UNSUPPORTED' | 'CYCLE' = 'UNSUPPORTED') {
    super(code, message)
  }
}

/** An argument that cannot be part of a key: a function, a symbol, a cycle, a class instance without `toJSON`. */
export class KeyError extends CacheError {
  override readonly name = 'KeyError'

  constructor(message: string, cause?: unknown) {
    super('KEY', message, cause)
  }
}

/** A value that cannot be turned into bytes, or bytes that are no value. */
export class CodecError extends CacheError {
  override readonly name = 'CodecError'

  constructor(message: string, cause?: unknown) {
    super('CODEC', message, cause)
  }
}

/** A store did not do what it was asked: for `clear`, it is applied in this process and queued, but not yet confirmed elsewhere. */
export class StoreError extends CacheError {
  override readonly name = 'StoreError'

  constructor(message: string, cause?: unknown) {
    super('STORE', message, cause)
  }
}

/** Something took longer than it may. */
export class TimeoutError extends CacheError {
  override readonly name = 'TimeoutError'

  constructor(message: string, cause?: unknown) {
    super('TIMEOUT', message, cause)
  }
}
