// Every response that this page has asked for, and after a rating which of them fell. That is what the server answers when it is asked
// again: nothing is worked out here.

import { answers, askAgain, onAnswer } from './ask.js'
import { element, fill } from './element.js'
import { count, genreName, time } from './words.js'

const ledger = document.querySelector('#ledger')

let open = false
let busy = false
let problem = ''
/** What was done before everything was asked again, and the answers since. */
let change = ''
let since = new Map()

/** Does `work`, then asks for every response again and shows which fell. */
export async function compare(name, work) {
  if (busy) return
  ;[busy, open, problem, change, since] = [true, true, '', name, new Map()]
  draw()
  try {
    await work()
    await askAgain((answer) => {
      since.set(answer.url, answer)
      draw()
    })
  } catch (error) {
    problem = error.message
  }
  busy = false
  draw()
}

export function showLedger() {
  onAnswer(draw)
  draw()
}

function draw() {
  const all = [...answers.values()]
  const again = [...since.values()]
  const rest = all.filter(({ url }) => !since.has(url))
  ledger.classList.toggle('open', open)
  ledger.setAttribute('aria-busy', String(busy))
  fill(
    ledger,
    bar(again, all),
    element('div', { class: 'heaps' }, problem && element('p', { role: 'alert' }, problem), heaps(again, rest), hint()),
  )
}

function bar(again, all) {
  const fell = again.filter((answer) => !answer.hit).length
  const said = again.length ? `${fell} fell, ${again.length - fell} stayed` : count(all.length, 'response')
  return element(
    'button',
    { type: 'button', class: 'bar', 'data-key': 'bar', 'aria-expanded': String(open), click: toggle },
    element('h2', {}, 'Cached responses'),
    element('span', { role: 'status' }, busy && again.length < all.length ? 'asking again …' : said),
  )
}

function toggle() {
  open = !open
  draw()
}

function heaps(again, rest) {
  if (!change) return [heap('Asked for', '', rest)]
  return [
    element('p', { class: 'change' }, change),
    heap(
      'Fell',
      'loaded anew',
      again.filter((answer) => !answer.hit),
    ),
    heap(
      'Stayed',
      'still hits',
      again.filter((answer) => answer.hit),
    ),
    heap(busy ? 'To be asked again' : 'Asked for since', '', rest),
  ]
}

function heap(name, note, answers) {
  if (answers.length === 0) return []
  const title = element('h3', {}, name, element('span', {}, [answers.length, note].filter(Boolean).join(' · ')))
  return [title, element('ul', { 'data-heap': name }, answers.map(row))]
}

function row(answer) {
  return element(
    'li',
    { class: answer.hit ? 'hit' : 'loaded', title: answer.cacheStatus, 'data-url': answer.url },
    element('span', { class: 'name' }, element('b', {}, named(answer)), element('code', {}, decodeURIComponent(answer.url))),
    element('span', { class: 'verdict' }, answer.hit ? 'hit' : 'loaded', element('small', {}, time(answer.milliseconds))),
  )
}

function named({ url, body }) {
  if (body.genres) return 'Genres in figures'
  if (!body.films || body.name) return body.title ?? body.name
  const query = new URL(url, location.href).searchParams
  const genre = query.get('genre')
  return ['List', genre && genreName(genre === 'none' ? null : genre), query.get('year'), `page ${body.page}`].filter(Boolean).join(' · ')
}

function hint() {
  return element(
    'p',
    { class: 'quiet' },
    !change && 'Rate a film: each of these is then asked for again, and the server says which it still has. ',
    element(
      'button',
      { type: 'button', 'data-key': 'all-again', click: () => compare('Asked again', async () => {}) },
      'Ask for all again',
    ),
  )
}
