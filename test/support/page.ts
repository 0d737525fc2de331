// A page of documentation as modules: its blocks of code on the lines where they stand, and the promises of their comments as checks.

export interface PageModule {
  /** Of the file to write, without its ending: "README", or "README.2" for the page's second module. */
  readonly name: string
  readonly compiled: string
  readonly run: string
}

interface Block {
  readonly words: readonly string[]
  readonly start: number
  readonly lines: readonly string[]
}

/** Blocks continue each other as one module. ```ts new begins another one; ```ts no-run is compiled and not run. */
export function modulesOf(page: string, markdown: string): PageModule[] {
  const modules: Block[][] = []
  for (const block of blocksOf(page, markdown)) {
    if (modules.length === 0 || block.words.includes('new')) modules.push([])
    modules.at(-1)?.push(block)
  }
  return modules.map((blocks, index) => {
    const name = page.replace(/\.md$/, '').replaceAll('/', '.') + (index === 0 ? '' : `.${index + 1}`)
    const runnable = blocks.filter((block) => !block.words.includes('no-run'))
    const end = `\nimport { equals as __equals, printed as __printed } from '../../test/support/promise.ts'\nprocess.exit()\n`
    const compiled = `${inPlace(blocks)}\nexport {}\n`
    return { name, compiled, run: inPlace(runnable, (line, number) => withCheck(line, `${page}:${number}`)) + end }
  })
}

function blocksOf(page: string, markdown: string): Block[] {
  const blocks: Block[] = []
  let open: { fence: string; words: string[]; start: number; lines: string[] } | undefined
  for (const [index, line] of markdown.split('\n').entries()) {
    const [, fence, language = '', words = ''] = /^\s*(`{3,})(\w*)\s*(.*?)\s*$/.exec(line) ?? []
    if (open !== undefined) {
      if (fence === open.fence) open = undefined
      else open.lines.push(line)
    } else if (fence !== undefined) {
      if (/^(js|javascript|mjs|typescript|tsx)$/.test(language))
        throw new Error(`${page}:${index + 1}: write code as \`\`\`ts, so that it is tested.`)
      open = { fence, words: words.split(/\s+/), start: index + 1, lines: [] }
      if (language === 'ts') blocks.push(open)
    }
  }
  return blocks
}

/** Every line keeps its number, so that an error names the line of the page. */
function inPlace(blocks: readonly Block[], change: (line: string, number: number) => string = (line) => line): string {
  const lines: string[] = []
  for (const block of blocks) {
    while (lines.length < block.start) lines.push('')
    lines.push(...block.lines.map((line, index) => change(line, block.start + index + 1)))
  }
  return lines.join('\n')
}

function withCheck(line: string, place: string): string {
  const [, code, promise] = /^(.*?);?\s*\/\/ → (.*?)\s*$/.exec(line) ?? []
  if (code === undefined || promise === undefined) return line
  const [, variable] = /^\s*(?:const|let)\s+(\w+)\b/.exec(code) ?? []
  const told = `${JSON.stringify(place)}, ${JSON.stringify(promise)}`
  if (variable !== undefined) return `${code}; __equals(${told}, ${variable})`
  if (code.trim() === '' || /^\s*console\.log\(/.test(code)) return `${code}; __printed(${told})`
  return `__equals(${told}, (${code.trim()}))`
}
