// What is used of peers that have no types of their own.
declare module 'apicache' {
  import type { RequestHandler } from 'express'

  interface ApiCache {
    options(options: { redisClient?: unknown }): ApiCache
    middleware(duration: string): RequestHandler
    clear(groupOrKey: string): unknown
  }
  const apicache: ApiCache
  export default apicache
}

declare module 'route-cache' {
  import type { RequestHandler } from 'express'

  const routeCache: { cacheSeconds(seconds: number): RequestHandler }
  export default routeCache
}

declare module 'koa-cash' {
  import type { Middleware } from 'koa'

  export default function koaCash(options: { get(key: string): unknown; set(key: string, value: unknown): unknown }): Middleware
}
