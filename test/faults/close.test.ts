// Whatever has befallen Redis, a process whose cache is closed ends by itself, and nothing ended it before.
import { once } from 'node:events'
import { describe, test } from 'vitest'
import { startProgram } from '../support/program.ts'
import { faults } from './fault.ts'
import { newScene } from './stage.ts'

const modes = ['eventual', 'strong'] as const

// Starting a process is what takes the time here: each fault meets one mode of the two.
describe.concurrent.each(faults.map((fault, index) => ({ fault, name: fault.name, mode: modes[index % 2] })))(
  'Redis is $name',
  ({ fault, mode }) => {
    test(`a process that closes its cache ends: ${mode}`, { timeout: 120_000 }, async ({ expect, onTestFinished }) => {
      const scene = await newScene(fault)
      onTestFinished(scene.end)
      if (fault.isFromStart === true) await fault.begin(scene)
      const program = startProgram('test/faults/leaver.ts', { REDIS_URL: scene.url, CONSISTENCY: mode })
      onTestFinished(async () => void (await program.end('SIGKILL')))
      await program.says('ready')
      if (fault.isFromStart !== true) await fault.begin(scene)
      const ended = once(program.process, 'exit')
      program.process.kill('SIGUSR2')
      const said = await program.says('closed')
      expect(await ended).toEqual([0, null])
      expect(said).toContain('under: row under,')
      // No warning either: of an unhandled rejection, or of a listener too many.
      expect(said).not.toMatch(/Warning|Error/)
    })
  },
)
