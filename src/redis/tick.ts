// Knows when all that is asked for in one tick has been asked for.

/** After all that the promises resolved so far lead to. */
export function endOfTick(): Promise<void> {
  return Promise.resolve().then(() => new Promise((resolve) => process.nextTick(resolve)))
}
