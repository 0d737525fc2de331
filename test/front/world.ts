// A page in front whose every part comes from what can be cleared, and whose requests a test may meet at each step.
import type { RouteOptions } from '../../middleware/http/route-options.ts'
import type { Exchange, Framework, SuiteRoute } from '../routes/framework.ts'
import { newFrontSite, type FrontSite } from './site.ts'

/** A page that shows a film, in a layer that shows a menu. */
export interface World {
  readonly site: FrontSite
  readonly page: SuiteRoute
  /** What all is computed from: of the handler, and of a layer around it. */
  readonly rows: { film: string; menu: string }
  /** What happens at each step of a request, once. */
  readonly at: Partial<Record<Step, () => unknown>>
  clear(what: What): Promise<void>
  /** What the handler and the layer showed. */
  shown(): Promise<readonly [film: string, menu: string]>
}

export type Step = 'entered' | 'layered' | 'handled' | 'made' | 'leaving' | 'left'
export type What = 'route' | 'arguments' | 'film' | 'tag' | 'menu' | 'flush'

/** In their order. */
export const STEPS: readonly Step[] = ['entered', 'layered', 'handled', 'made', 'leaving', 'left']
export const WHATS: readonly What[] = ['route', 'arguments', 'film', 'tag', 'menu', 'flush']

/** The application of this page, behind a front. */
export function newWorld(
  framework: Framework,
  options: Parameters<typeof newFrontSite>[1] = {},
  route: RouteOptions<Exchange> = {},
): World {
  const site = newFrontSite(framework, options)
  const rows = { film: 'film 0', menu: 'menu 0' }
  const at: World['at'] = {}
  const pass = async (step: Step): Promise<void> => {
    const now = at[step]
    delete at[step]
    await now?.()
  }
  const getFilm = site.cache.memoize(async (_id: string) => rows.film, { name: 'film' })
  const getMenu = site.cache.memoize(async () => rows.menu, { name: 'menu' })
  site.app.around(async (x, next) => {
    await pass('entered')
    x.set('X-Menu', await getMenu())
    await pass('layered')
    const { end } = x.res
    x.res.end = ((...args: unknown[]) => {
      const leave = async (): Promise<void> => {
        await pass('leaving')
        Reflect.apply(end, x.res, args)
        // In the step in which it has left.
        await pass('left')
      }
      void leave()
      return x.res
    }) as typeof end
    await next()
  })
  const page = framework.cached(site.cache, { path: '/films/:id', front: true, dependsOn: () => [site.cache.tag('films')], ...route })
  site.app.on('get', '/films/:id', [page], async (x) => {
    await pass('handled')
    const film = await getFilm(x.params['id']!)
    await pass('made')
    x.send(film)
  })
  const clears: Record<What, () => Promise<void>> = {
    route: () => page.clear(),
    arguments: () => page.clear({ params: { id: '1' } }),
    film: () => getFilm.clear('1'),
    tag: () => site.cache.clear(site.cache.tag('films')),
    menu: () => getMenu.clear(),
    flush: () => site.cache.flush(),
  }
  return {
    site,
    page,
    rows,
    at,
    clear: (what) => clears[what](),
    async shown() {
      const { text, headers } = await site.ask('/films/1')
      return [text, headers['x-menu']!]
    },
  }
}

/** What is cleared has changed, and all that shows it. */
export function change(rows: World['rows']): void {
  rows.film = `film ${Number(rows.film.split(' ')[1]) + 1}`
  rows.menu = `menu ${Number(rows.menu.split(' ')[1]) + 1}`
}
