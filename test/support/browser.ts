// A real Chromium, the one that the system has.
import { chromium, type Browser } from 'playwright-core'
import { pathOf } from '../../scripts/program.ts'

/** Starts it without a window. The caller closes it. */
export function startBrowser(): Promise<Browser> {
  const executablePath = pathOf('chromium')
  if (executablePath === undefined) throw new Error('This test needs Chromium. `npm run test:browser` installs it, or says how to get it.')
  // Chromium refuses its sandbox to root, and a container has little shared memory.
  return chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-dev-shm-usage'] })
}
