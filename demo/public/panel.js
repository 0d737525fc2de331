// A part of the page that shows one response, with what the server said of it.

import { ask, onAnswer } from './ask.js'
import { element, fill } from './element.js'
import { onView } from './view.js'
import { time } from './words.js'

/**
 * Shows in `section` the answer to `urlOf(view)`, as `render(body, view)` draws it; nothing where there is no URL. Returns what draws it
 * again, for when something else that it shows has come.
 */
export function panel(section, urlOf, render) {
  let url
  let answer
  let view

  function draw() {
    if (answer) fill(section, answer.ok ? render(answer.body, view) : refused(answer.body), badge(answer, askForIt))
  }

  function askForIt() {
    ask(url).catch(() => fill(section, element('p', { class: 'quiet' }, 'The server does not answer.')))
  }

  onView((changed) => {
    view = changed
    const wanted = urlOf(view)
    section.hidden = !wanted
    if (wanted === url) return draw()
    url = wanted
    answer = undefined
    if (!url) return fill(section)
    section.setAttribute('aria-busy', 'true')
    askForIt()
  })

  onAnswer((given) => {
    if (given.url !== url) return
    answer = given
    section.removeAttribute('aria-busy')
    draw()
  })

  return draw
}

function refused({ error }) {
  return element('p', {}, error, ' ', element('a', { href: '?' }, 'Begin again'))
}

/** What the server said of an answer, and the time it took. */
function badge(answer, again) {
  return element(
    'footer',
    { class: `badge ${answer.hit ? 'hit' : 'loaded'}` },
    element('b', {}, answer.hit ? 'hit' : 'loaded'),
    element('span', { class: 'time' }, time(answer.milliseconds)),
    element('code', {}, answer.cacheStatus || 'no Cache-Status'),
    element('button', { type: 'button', 'data-key': 'again', click: again, title: `GET ${answer.url}` }, 'Ask again'),
  )
}
