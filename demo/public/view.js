// What the page shows, as its address says it: the list's genre, year, sort and page; the film; the director.

const names = ['genre', 'year', 'sort', 'page', 'film', 'director']
const listeners = []

/** The view of the present address. */
export function view() {
  const query = new URLSearchParams(location.search)
  return Object.fromEntries(names.map((name) => [name, query.get(name) ?? '']))
}

/** The address of the present view with `changes` made to it. */
export function address(changes) {
  const query = new URLSearchParams(Object.entries({ ...view(), ...changes }).filter(([, value]) => value))
  return `?${query}`
}

/** Shows the present view with `changes` made to it. */
export function go(changes) {
  follow(address(changes))
}

/** Calls `listener` with the view, now and whenever it changes. */
export function onView(listener) {
  listeners.push(listener)
  listener(view())
}

function follow(href) {
  history.pushState(null, '', href)
  for (const listener of listeners) listener(view())
}

addEventListener('popstate', () => {
  for (const listener of listeners) listener(view())
})

addEventListener('click', (event) => {
  const link = event.target.closest?.('a[href^="?"]')
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
  event.preventDefault()
  follow(link.getAttribute('href'))
})
