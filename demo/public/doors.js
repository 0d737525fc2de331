// The other doors to the same cache, each showing what this one shows.

import { element, fill } from './element.js'
import { onView } from './view.js'

export async function showDoors() {
  const { doors } = await (await fetch('/api/doors')).json()
  const several = doors.some((door) => door.process > 1)
  onView(() =>
    fill(
      document.querySelector('#doors'),
      doors.map((door) => link(door, several)),
    ),
  )
}

function link({ framework, port, process }, several) {
  const attributes = {
    href: `${location.protocol}//${location.hostname}:${port}/${location.search}`,
    'aria-current': String(port) === location.port && 'page',
    title: `${framework}, process ${process}, port ${port}`,
  }
  return element('a', attributes, several ? `${framework} ${process}` : framework)
}
