// Knows of the application that this process serves what is asked from outside: whether hits are hits, and clears.

export const served = {
  /** How often a handler behind a cache has run. */
  runs: 0,
  /** Clears what depends on this film. */
  clear: (_id: string): unknown => undefined,
}
