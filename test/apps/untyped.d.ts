// What the tests use of middlewares that bring no types along.
interface Written {
  readonly stream: { write(line: string): void }
}

declare module 'compression' {
  import type { RequestHandler } from 'express'
  export default function compression(options?: { threshold?: number }): RequestHandler
}
declare module 'cors' {
  import type { RequestHandler } from 'express'
  export default function cors(options?: object): RequestHandler
}
declare module 'morgan' {
  import type { RequestHandler } from 'express'
  export default function morgan(format: string, options: Written): RequestHandler
}
declare module 'express-session' {
  import type { RequestHandler } from 'express'
  export default function session(options: object): RequestHandler
}
declare module 'passport' {
  import type { RequestHandler } from 'express'
  interface Passport {
    use(strategy: object): void
    serializeUser(write: (user: { id: string }, done: (error: null, id: string) => void) => void): void
    deserializeUser(read: (id: string, done: (error: null, user: { id: string }) => void) => void): void
    authenticate(strategy: string, options?: object): RequestHandler
    session(): RequestHandler
  }
  const passport: { Passport: new () => Passport }
  export default passport
}
declare module 'passport-http-bearer' {
  type Verify = (token: string, done: (error: null, user: { id: string }) => void) => void
  const bearer: { Strategy: new (verify: Verify) => object }
  export default bearer
}
declare module '@koa/cors' {
  import type { Middleware } from 'koa'
  export default function cors(options?: object): Middleware
}
declare module 'koa-morgan' {
  import type { Middleware } from 'koa'
  export default function morgan(format: string, options: Written): Middleware
}
declare module 'koa-pino-logger' {
  import type { Middleware } from 'koa'
  export default function logger(options: object, stream: { write(line: string): void }): Middleware
}
declare module 'koa-ratelimit' {
  import type { Middleware } from 'koa'
  export default function ratelimit(options: object): Middleware
}
declare module 'koa-passport' {
  import type { Middleware } from 'koa'
  interface KoaPassport {
    use(strategy: object): void
    initialize(): Middleware
    authenticate(strategy: string, options?: object): Middleware
  }
  const passport: { KoaPassport: new () => KoaPassport }
  export default passport
}
