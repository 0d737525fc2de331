// What the server was asked, and what it said last: the body, its Cache-Status, and how long it took.

/** @typedef {{ url: string, ok: boolean, body: any, cacheStatus: string, hit: boolean, milliseconds: number }} Answer */

/** The answers, by URL, in the order they were first asked for. */
export const answers = new Map()

const listeners = []
const most = 40

/** Calls `listener` with every answer as it comes. */
export function onAnswer(listener) {
  listeners.push(listener)
}

/** Asks for `url`, whatever this page knows already. The browser's own cache stays out of it: the server is to speak. */
export async function ask(url) {
  const begun = performance.now()
  const response = await fetch(url, { cache: 'no-store' })
  const milliseconds = performance.now() - begun
  const answer = { url, ok: response.ok, body: await response.json(), ...spoken(response), milliseconds }
  if (answer.ok) keep(answer)
  for (const listener of listeners) listener(answer)
  return answer
}

/** Asks for everything again, one after the other, so that each time is its own, and hands each answer to `each`. */
export async function askAgain(each) {
  // What is asked for meanwhile is not asked for again.
  const urls = Array.from(answers.keys())
  for (const url of urls) {
    each(await ask(url))
    // What was drawn meanwhile is no time of the next one.
    await new Promise((resolve) => setTimeout(resolve))
  }
}

/** Sends a rating. The server answers when what it changes has been cleared. */
export async function rate(film, stars) {
  const response = await fetch(`/api/films/${film}/ratings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ stars }),
  })
  if (!response.ok) throw new Error((await response.json()).error)
}

/** RFC 9211: a member for each cache on the way, the one nearest to this page last. */
function spoken(response) {
  const cacheStatus = response.headers.get('cache-status') ?? ''
  return { cacheStatus, hit: /;\s*hit\b(?!=\?0)/.test(cacheStatus.split(',').at(-1)) }
}

function keep(answer) {
  answers.set(answer.url, answer)
  if (answers.size > most) answers.delete(answers.keys().next().value)
}
