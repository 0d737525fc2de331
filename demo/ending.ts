// How a process of the demo ends: in order, and surely.

const patience = 5000

let ending = false
const closing: (() => Promise<void>)[] = []

/** Has `close` called when the process is told to end. What was opened last is closed first. */
export function onEnd(close: () => Promise<void>): void {
  closing.unshift(close)
  if (closing.length > 1) return
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end(0))
  // The process that started this one is gone.
  process.on('disconnect', () => end(0))
}

/** Closes what is open and ends the process with `code`. */
export async function end(code: number): Promise<void> {
  // Ctrl-C reaches every process of a terminal, and then each is told again by the one that started it.
  if (ending) return
  ending = true
  setTimeout(() => process.exit(1), patience).unref()
  for (const close of closing) await close().catch((error: unknown) => console.error(error))
  process.exit(code)
}

/** Why the demo cannot run here: its message says what to do. */
export class SetupError extends Error {}

/** Says why the demo cannot run, and ends it. */
export function fail(error: unknown): void {
  console.error(error instanceof SetupError ? error.message : error)
  void end(1)
}
