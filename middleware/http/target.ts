// Knows which request targets mean the same to all who read them.

// Parsers of queries stop at so many parameters, and nobody else does.
const MOST_PARAMETERS = 1000

/**
 * Why a request goes past the cache whatever its path and query are, in a few words for Cache-Status; undefined when it need not. RFC 9112 §3.2.1
 * has a target begin with its path. Where it begins with an origin, has a fragment or blanks in it, or more parameters than parsers look at, a
 * router and a handler that reads the URL itself may take it for two resources, and one's answer would be the other's.
 */
export function whyTargetBypassed(target: string): string | undefined {
  if (!/^\/[^#\s]*$/.test(target)) return 'request target'
  return target.length > MOST_PARAMETERS && target.split('&', MOST_PARAMETERS + 1).length > MOST_PARAMETERS ? 'query too long' : undefined
}
