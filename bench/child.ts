// Knows how a process of a benchmark's own is started, asked and ended: it ends when it is told to, and with the process that started it.
import { fork } from 'node:child_process'
import { once } from 'node:events'

/** A process that answers questions, until it is disposed of. */
export interface Child extends AsyncDisposable {
  /** Rejects when the answer is an error, and when the process ends instead. */
  ask<Answer>(question: string, about?: unknown): Promise<Answer>
}

interface Reply {
  readonly answer?: unknown
  readonly error?: string
}

/** Starts one; it is asked one question at a time. */
export function start(file: URL, args: readonly string[] = [], nodeArgs: readonly string[] = []): Child {
  const child = fork(file, args, { execArgv: [...process.execArgv, ...nodeArgs], env: { ...process.env, NODE_ENV: 'production' } })
  const exited = once(child, 'exit').then(() => ({ error: `${file.pathname} ended` }))
  return {
    async ask<Answer>(question: string, about?: unknown) {
      const replied = once(child, 'message').then(([reply]) => reply as Reply)
      child.send({ question, about })
      const { answer, error } = await Promise.race<Reply>([replied, exited])
      if (error !== undefined) throw new Error(`${question}: ${error}`)
      return answer as Answer
    },
    async [Symbol.asyncDispose]() {
      if (child.connected) child.disconnect()
      await exited
    },
  }
}

/** To end all of them at once. */
export function endingAll(children: readonly Child[]): AsyncDisposable {
  return { [Symbol.asyncDispose]: async () => void (await Promise.all(children.map((child) => child[Symbol.asyncDispose]()))) }
}

/** In such a process: answers what it is asked, until nobody is there to ask. */
export function answer(answers: Record<string, (about: never) => unknown>): void {
  process.on('disconnect', () => process.exit())
  process.on('message', ({ question, about }: { question: string; about: never }) => void reply(question, about))

  async function reply(question: string, about: never): Promise<void> {
    try {
      process.send!({ answer: await answers[question]!(about) })
    } catch (error) {
      process.send!({ error: String(error) })
    }
  }
}
