// The programs that tests need beside Node: how each is found, and how it is installed where it is missing.
import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join } from 'node:path'

interface Program {
  /** What it is called, whoever installed it; an absolute path is looked up as it stands. */
  readonly commands: readonly string[]
  readonly apt: readonly string[]
  readonly brew: readonly string[]
  /** An image that does the same, for a program that can run in a container. */
  readonly image?: string
  readonly byHand: string
}

export type ProgramName = 'redis-server' | 'chromium'

const programs: Readonly<Record<ProgramName, Program>> = {
  'redis-server': {
    commands: ['redis-server', 'valkey-server'],
    apt: ['redis-server'],
    brew: ['redis'],
    image: 'redis:7-alpine',
    byHand: '`sudo apt-get install redis-server`, `brew install redis`, or start Docker',
  },
  chromium: {
    commands: ['chromium', 'chromium-browser', 'google-chrome', '/Applications/Chromium.app/Contents/MacOS/Chromium'],
    // Without a font text has no size, and what has no size cannot be clicked.
    apt: ['chromium', 'fonts-liberation'],
    brew: ['--cask', 'chromium'],
    byHand: '`sudo apt-get install chromium` or `brew install --cask chromium`',
  },
}

/** Where a program is on this machine, undefined when it is not. */
export function pathOf(name: ProgramName): string | undefined {
  return programs[name].commands.map(onPath).find((path) => path !== undefined)
}

/** The image that stands in for `redis-server` where only Docker is there, undefined when Docker does not answer. */
export function redisImage(): string | undefined {
  return dockerAnswers() ? programs['redis-server'].image : undefined
}

/** Makes sure that a program can be run, installing it where it is missing; throws a sentence on how to get it otherwise. */
export function need(name: ProgramName): void {
  if (pathOf(name) !== undefined) return
  const program = programs[name]
  const failed: string[] = []
  for (const [tool, commands] of waysToGet(program)) {
    console.log(`${name} is not on the path: getting it with ${tool}.`)
    if (commands.every((command) => run(command)) && (pathOf(name) !== undefined || tool === 'Docker')) return
    failed.push(tool)
  }
  const tried = failed.length > 0 ? ` (tried: ${failed.join(', ')})` : ''
  throw new Error(`This needs ${name}, and it could not be installed here${tried}. Get it with ${program.byHand}, then run this again.`)
}

function waysToGet(program: Program): (readonly [tool: string, commands: string[][]])[] {
  const ways: [string, string[][]][] = []
  if (onPath('apt-get') && process.getuid?.() === 0) {
    const install = ['apt-get', 'install', '--yes', '--no-install-recommends', ...program.apt]
    ways.push(['apt-get', [['apt-get', 'update'], install]])
  }
  if (onPath('brew')) ways.push(['Homebrew', [['brew', 'install', ...program.brew]]])
  if (program.image !== undefined && dockerAnswers()) ways.push(['Docker', [['docker', 'pull', program.image]]])
  return ways
}

function run([command = '', ...args]: string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  return spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], env }).status === 0
}

function dockerAnswers(): boolean {
  return onPath('docker') !== undefined && spawnSync('docker', ['version'], { stdio: 'ignore', timeout: 10_000 }).status === 0
}

function onPath(command: string): string | undefined {
  const folders = isAbsolute(command) ? [''] : (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, command)).find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
