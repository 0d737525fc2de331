// The clock that all processes of a machine share.

/** Milliseconds of the machine's monotonic clock, which runs on while a process is stopped. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6
}
