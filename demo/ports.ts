// Which ports the demo takes.

import { SetupError } from './ending.ts'

/** The first port, from PORT. The demo takes this and up to three that follow. @default 3000 */
export function firstPort(): number {
  const written = process.env['PORT'] ?? '3000'
  const port = Number(written)
  if (Number.isInteger(port) && port >= 1 && port <= 65_532) return port
  throw new SetupError(`Expected PORT to be a whole number from 1 to 65532, got "${written}".`)
}
