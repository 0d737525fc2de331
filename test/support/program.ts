// A program of this project in a process of its own.
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'

export interface RunningProgram {
  readonly process: ChildProcess
  /** Resolves to all it has said when that holds `words`; rejects when it ends without. */
  says(words: string): Promise<string>
  /** The processes that it has started, and those that these have, by id. */
  children(): number[]
  /** Ends it, however far it is, and waits until it is gone. Resolves to its exit code. */
  end(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts a TypeScript file. `env` is added to this process's; undefined takes away. */
export function startProgram(file: string, env: Readonly<Record<string, string | undefined>>): RunningProgram {
  const child = spawn(process.execPath, ['--import', 'tsx', file], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const closed = once(child, 'close')
  let said = ''
  const listen = (chunk: Buffer) => (said += chunk.toString())
  child.stdout.on('data', listen)
  child.stderr.on('data', listen)
  return {
    process: child,
    async says(words) {
      while (!said.includes(words)) {
        await Promise.race([once(child.stdout, 'data'), once(child.stderr, 'data'), closed])
        if (!said.includes(words) && child.exitCode !== null) throw new Error(`Expected "${words}" before the end, got:\n${said}`)
      }
      return said
    },
    children: () => descendants(child.pid!),
    async end(signal = 'SIGINT') {
      child.kill(signal)
      await closed
      return child.exitCode
    },
  }
}

function descendants(pid: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const parents = stdout
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
  const of = (parent: number): number[] => parents.filter(([, its]) => its === parent).flatMap(([id = 0]) => [id, ...of(id)])
  return of(pid)
}

/** Whether a process of this id runs. */
export function runs(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
