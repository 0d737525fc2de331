// Knows a crowd of callers, of whom each asks again when it was answered, for keys that no other one asks for meanwhile.

/** So many calls, by so many callers at once. */
export function crowdLoop(
  call: (key: string) => Promise<unknown>,
  keys: readonly string[],
  callers: number,
): (times: number) => Promise<void> {
  const caller = async (index: number, times: number) => {
    for (let i = index; i < times; i += callers) await call(keys[i % keys.length]!)
  }
  return async (times) => {
    await Promise.all(Array.from({ length: callers }, (_, index) => caller(index, times)))
  }
}
