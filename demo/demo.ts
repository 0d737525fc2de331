// What the doors open to.

import type { Cache } from '../src/index.ts'
import type { Door } from './doors.ts'
import type { Films } from './films.ts'
import type { Page } from './page.ts'

/** Everything that a framework needs to serve the demo. */
export interface Demo {
  readonly cache: Cache
  readonly films: Films
  readonly page: Page
  readonly doors: readonly Door[]
}
