// Chance that can be repeated.

export interface Random {
  /** From 0 to below 1. */
  (): number
  /** A whole number below `end`. */
  below(end: number): number
  from<T>(list: readonly T[]): T
  chance(probability: number): boolean
}

/** Numbers that look random and are the same for the same seed. */
export function newRandom(seed: string): Random {
  let state = 2166136261
  for (const character of seed) state = Math.imul(state ^ character.charCodeAt(0), 16777619)
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
  const below = (end: number): number => Math.floor(next() * end)
  return Object.assign(next, {
    below,
    from: <T>(list: readonly T[]): T => list[below(list.length)]!,
    chance: (probability: number) => next() < probability,
  })
}
