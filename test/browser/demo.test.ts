import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { serve, type Serving } from '../../demo/serve.ts'
import { startBrowser } from '../support/browser.ts'
import { freePorts } from '../support/ports.ts'

let serving: Serving
let browser: Browser
let page: Page
const problems: string[] = []
const port = await freePorts(2)

beforeAll(async () => {
  serving = await serve({ port })
  browser = await startBrowser()
})

afterAll(async () => {
  await browser.close()
  await serving.close()
})

beforeEach(async () => {
  await serving.cache.flush()
})

afterEach(async () => {
  await page.close()
  if (problems.length > 0) throw new Error(problems.splice(0).join('\n'))
})

async function open(address: string, width: number, height: number): Promise<void> {
  page = await browser.newPage({ viewport: { width, height }, baseURL: `http://127.0.0.1:${port}` })
  page.on('pageerror', (error) => problems.push(error.message))
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
  await page.goto(address)
}

const film = (name: string) => page.locator('#films').getByRole('link', { name })
const badge = (panel: string) => page.locator(`${panel} .badge`)
const heap = async (name: string) =>
  page.locator(`[data-heap="${name}"] li`).evaluateAll((rows) => rows.map((row) => row.getAttribute('data-url')))

/** Waits until every response was asked for again. */
async function settled(): Promise<void> {
  await page.locator('#ledger[aria-busy=false]').filter({ hasText: 'stayed' }).waitFor()
}

describe.each([
  ['a desk', 1440, 900],
  ['a tablet', 900, 1100],
  ['a phone', 390, 844],
])('at the width of %s', (_name, width, height) => {
  test.each([
    ['/', ['#genres', '#films']],
    ['/?film=1235&director=James%20Cameron', ['#film', '#director']],
  ])('each panel of %s says what the server said of its response, and asking again is a hit', async (address, panels) => {
    await open(address, width, height)
    for (const panel of panels) {
      await badge(panel).getByText('loaded').waitFor()
      expect(await badge(panel).locator('.time').textContent()).toMatch(/^[\d.]+ ms$/)
      await badge(panel).getByRole('button', { name: 'Ask again' }).click()
      await badge(panel).getByText('hit', { exact: true }).waitFor()
      expect(await badge(panel).locator('code').textContent()).toMatch(/; ?hit/)
    }
  })

  test('a rating shows, with the responses that fell because of it and those that stayed', async () => {
    await open('/', width, height)
    await film('Toy Story 3').click()
    await page.locator('#film').getByRole('heading', { name: 'Toy Story 3' }).waitFor()
    await page.locator('[data-heap] li').nth(4).waitFor({ state: 'attached' })
    const [, id] = /film=(\d+)/.exec(page.url())!
    const before = await page.locator('.said').textContent()

    await page.getByRole('button', { name: '4 stars' }).click()
    await settled()

    expect(await page.locator('.said').textContent()).not.toBe(before)
    expect(new Set(await heap('Fell'))).toEqual(new Set(['/api/genres', '/api/films', `/api/films/${id}`]))
    const stayed = await heap('Stayed')
    expect(stayed).toHaveLength(2)
    for (const url of stayed) expect(url).toMatch(/^\/api\/films\/\d+$/)
    expect(await page.locator('#ledger').getByRole('status').textContent()).toBe('3 fell, 2 stayed')
  })

  test('nothing is wider than the screen', async () => {
    await open('/?film=1235&director=James%20Cameron', width, height)
    await page.locator('#director').getByRole('heading', { name: 'James Cameron' }).waitFor()
    await badge('#film').waitFor()
    expect(await page.evaluate('document.documentElement.scrollWidth - innerWidth')).toBeLessThanOrEqual(0)
  })
})

test('what fell is what the server says: a write through the other door shows when all is asked for again', async () => {
  await open('/?film=1235', 1440, 900)
  await badge('#film').waitFor()
  await page.locator('[data-heap] li').nth(3).waitFor()
  const rated = await fetch(`http://127.0.0.1:${port + 1}/api/films/1235/ratings`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"stars":5}',
  })
  expect(rated.status).toBe(201)
  await page.getByRole('button', { name: 'Ask for all again' }).click()
  await settled()
  expect(new Set(await heap('Fell'))).toEqual(new Set(['/api/genres', '/api/films', '/api/films/1235']))
})

test('on a phone an open film takes the place of the list, and the way back leads to it', async () => {
  await open('/?sort=title', 390, 844)
  await page.locator('#films .rows a').first().click()
  await page.locator('#film h2').waitFor()
  expect(await page.locator('#films').isVisible()).toBe(false)
  await page.getByRole('link', { name: '← Films' }).click()
  expect(await page.locator('#films').isVisible()).toBe(true)
  expect(await page.locator('#film').isVisible()).toBe(false)
})

test('an address that names a film leads to those beside it in its list', async () => {
  await open('/?film=2971', 1440, 900)
  await page.getByRole('link', { name: 'Avatar' }).nth(1).waitFor()
  await page.locator('#film').getByRole('link', { name: 'Avatar' }).click()
  await page.locator('#film').getByRole('heading', { name: 'Avatar' }).waitFor()
  expect(await badge('#film').locator('b').textContent()).toBe('hit')
})

test('the address is the view: genre, order, year and page come back with it', async () => {
  await open('/', 1440, 900)
  await page.locator('#genres').getByRole('link', { name: 'Western' }).click()
  await page.getByRole('heading', { name: 'Western' }).waitFor()
  await page.getByLabel('Order').selectOption('title')
  await page.getByRole('link', { name: 'After →' }).click()
  await page.getByText('2 of 2').waitFor()
  expect(new URL(page.url()).search).toBe('?genre=Western&sort=title&page=2')

  const first = await page.locator('#films .rows b').first().textContent()
  await page.reload()
  await page.getByText('2 of 2').waitFor()
  expect(await page.locator('#films .rows b').first().textContent()).toBe(first)
  await page.goBack()
  await page.getByText('1 of 2').waitFor()
})

test('a wish that cannot be met is answered with what was expected', async () => {
  await open('/?year=99999', 1440, 900)
  const said = page.locator('#films').getByText('Expected')
  expect(await said.textContent()).toContain('Expected `year` to be a whole number from 1 to 9999, got "99999".')
  // Chromium reports every 400.
  expect(problems.splice(0)).toHaveLength(1)
})

test('the other door shows the same view', async () => {
  await open('/?genre=Western&film=1235', 1440, 900)
  await page.getByRole('link', { name: 'Koa' }).click()
  await page.locator('#doors [aria-current=page]').getByText('Koa').waitFor()
  expect(page.url()).toBe(`http://127.0.0.1:${port + 1}/?genre=Western&film=1235`)
  await page.locator('#film').getByRole('heading', { name: 'Avatar' }).waitFor()
})
