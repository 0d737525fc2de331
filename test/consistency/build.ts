// The library with the worker beside it, compiled as it is published; and copies of that in which something is broken on purpose.
import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const root = new URL('../..', import.meta.url).pathname

export interface Build extends AsyncDisposable {
  readonly folder: string
}

/** An edit of a compiled file: text that it has exactly once, and what takes its place. */
export interface Edit {
  readonly file: string
  readonly find: string
  readonly replace: string
}

export async function newBuild(): Promise<Build> {
  const build = await newFolder()
  const tsc = join(root, 'node_modules/.bin/tsc')
  execFileSync(tsc, ['-p', join(root, 'tsconfig.worker.json'), '--outDir', build.folder], { encoding: 'utf8', stdio: 'pipe' })
  return build
}

/** A copy of a build with edits in it. Rejects when the text of one is not there, or more than once: then it would break nothing. */
export async function brokenBuild(whole: Build, edits: readonly Edit[]): Promise<Build> {
  const build = await newFolder()
  for (const folder of ['src', 'middleware', 'test']) await cp(join(whole.folder, folder), join(build.folder, folder), { recursive: true })
  try {
    for (const edit of edits) await apply(build.folder, edit)
    return build
  } catch (error) {
    await build[Symbol.asyncDispose]()
    throw error
  }
}

async function apply(folder: string, { file, find, replace }: Edit): Promise<void> {
  const path = join(folder, file)
  const parts = (await readFile(path, 'utf8')).split(find)
  if (parts.length !== 2) throw new Error(`Expected ${file} to have this once, found it ${parts.length - 1} times:\n${find}`)
  await writeFile(path, parts.join(replace))
}

async function newFolder(): Promise<Build> {
  const folder = await mkdtemp(join(tmpdir(), 'cache-alchemy-'))
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }')
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) }
}
