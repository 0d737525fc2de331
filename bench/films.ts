// Knows the JSON documents that are served: a film, its ratings and its cast, of a size to the byte.

/** What is served under `/films/<id>`. */
export interface FilmPage {
  readonly film: { readonly id: string; readonly title: string; readonly text: string }
  readonly ratings: { readonly count: number; readonly stars: number }
  readonly cast: readonly { readonly id: number; readonly name: string; readonly role: string }[]
}

const pages = new Map<string, FilmPage>()

/** The document of an id, which begins with how many bytes its JSON has, such as `1024` or `1024-17`. */
export function pageOf(id: string): FilmPage {
  const known = pages.get(id)
  if (known !== undefined) return known
  const made = makePage(id, Number.parseInt(id))
  pages.set(id, made)
  return made
}

/** The id of one of many documents of 1 KB. */
export function filmAt(index: number): string {
  return `1024-${index}`
}

export function jsonOf(id: string): string {
  return JSON.stringify(pageOf(id))
}

function makePage(id: string, bytes: number): FilmPage {
  const cast = Array.from({ length: Math.floor(bytes / 100) }, (_, id) => ({ id, name: `Somebody Number ${id}`, role: 'a passer-by' }))
  const page = (text: string) => ({ film: { id, title: 'Metropolis', text }, ratings: { count: 12_345, stars: 4.25 }, cast })
  return page('.'.repeat(bytes - JSON.stringify(page('')).length))
}
