// Knows of the application that this process serves what is asked from outside: whether hits are hits, and clears.

export const served = {
  /** How often what a hit spares has run: a handler behind a cache, and an outermost layer where the cache is in front of it. */
  runs: 0,
  /** Clears what depends on this film. */
  clear: (_id: string): unknown => undefined,
}
