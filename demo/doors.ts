// The doors of the demo: where it can be reached, and through which framework.

/** One port that serves the demo. */
export interface Door {
  readonly framework: 'Express' | 'Koa'
  readonly port: number
  /** Which process is behind it, from 1. */
  readonly process: number
}

/** The doors of processes that begin at these ports: Express on the port itself, Koa on the next. */
export function doorsOf(ports: readonly number[]): Door[] {
  return ports.flatMap((port, index): Door[] => [
    { framework: 'Express', port, process: index + 1 },
    { framework: 'Koa', port: port + 1, process: index + 1 },
  ])
}
